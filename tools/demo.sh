#!/bin/bash
# The main job, from nothing: installs what a build needs, builds the tool, compiles the sample policy,
# shows the three artifacts, and confines a live process with the seccomp one.
#
# usage: tools/demo.sh
# Writes to out/demo in the checkout; repeatable.
set -euo pipefail
# shellcheck source=usage.sh
. "$(dirname "$0")/usage.sh"
[ $# = 0 ] || misused
cd "$(dirname "$0")/.."
export HOME=${HOME:-/root}

say() { printf '\n== %s\n' "$*"; }

tools/setup.sh build

say "building the tool"
bazel build -c opt //tools/varmor //tools/seccomp_demo:varmor_seccomp_demo
varmor=bazel-bin/tools/varmor/varmor
confine=bazel-bin/tools/seccomp_demo/varmor_seccomp_demo

say "compiling testdata/sample/web.yaml"
cat testdata/sample/web.yaml
rm -rf out/demo
"$varmor" compile -f testdata/sample/web.yaml -o out/demo
ls -l out/demo

say "AppArmor profile"
cat out/demo/varmor-shop-web.apparmor

say "BPF map contents (first lines)"
# Not `head`: it would close the pipe early.
sed -n '1,60p' out/demo/varmor-shop-web.bpf.json

say "seccomp profile"
cat out/demo/varmor-shop-web.seccomp.json

say "without the profile: unshare --user true"
if unshare --user true; then
  echo "exit status 0: this process may create user namespaces"
else
  echo "this system refuses user namespaces anyway; the next call would fail without the profile too" >&2
  exit 1
fi

say "with the profile: the same call"
if "$confine" out/demo/varmor-shop-web.seccomp.json -- unshare --user true; then
  echo "the call was NOT blocked" >&2
  exit 1
fi
echo "blocked, as disallow-create-user-ns asks"

say "with the profile: everything else still works"
"$confine" out/demo/varmor-shop-web.seccomp.json -- ls out/demo
