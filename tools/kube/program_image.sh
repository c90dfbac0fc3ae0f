#!/bin/bash
# Makes an image of one program, with the libraries that it has on this machine.
#
# usage: tools/kube/program_image.sh PROGRAM OUT.tar [FILE]...
#     tools/kube/program_image.sh bin/varmor-agent agent.tar /sbin/apparmor_parser /etc/apparmor.d/abstractions
#
# The image is docker.io/library/NAME:0.1.0, as the manifests of runtime/deploy name it; its entry point is
# /NAME. Each FILE of this machine, program or directory, is there under the same path.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
[ $# -ge 2 ] && [ -x "$1" ] || { sed -n '4,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
program=$1 out=$2 name=${1##*/}
shift 2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
mkdir "$root"/{etc,tmp}
install -m 755 "$program" "$root/$name"
for file in "$@"; do cp -rL --parents "$file" "$root"; done
for file in "$program" "$@"; do
  [ -f "$file" ] || continue
  # ldd fails for a static program.
  libraries=$(ldd "$file" 2>/dev/null || true)
  case $libraries in *"not found"*) echo "program image: libraries of $file are missing: $libraries" >&2; exit 1 ;; esac
  sed -nE 's#^[^/]*(/[^ ]*).*#\1#p' <<<"$libraries" | xargs -r -I{} cp -L --parents {} "$root"
done
"$here/make_image.sh" "docker.io/library/$name:0.1.0" "$root" "$out" "/$name"
