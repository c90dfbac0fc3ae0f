#!/bin/bash
# Builds the newest apiextensions-apiserver that Debian has: the part of kube-apiserver that serves
# definitions and custom resources. Debian's sources of the whole kube-apiserver end with 1.20; the
# library is in sid, and so are Go, all that it imports, and etcd as new as it wants. Does nothing when
# they are there. Needs the network (150 MB) and seven minutes of CPU time.
#
# usage: tools/kube/extensions_build.sh
#
# Prints the directory of the programs, apiextensions-apiserver and etcd, with the packages' versions in
# VERSIONS. It is below VARMOR_KUBE (as in build.sh); nothing is installed, nothing else changes.
set -euo pipefail
# shellcheck source=../vm/debian_mirror.sh
. "$(dirname "$(readlink -f "$0")")/../vm/debian_mirror.sh"
cache=${VARMOR_KUBE:-$HOME/.cache/varmor-kube}
mkdir -p "$cache"
cache=$(realpath "$cache")
programs=$cache/extensions
library=golang-k8s-apiextensions-apiserver-dev
log=$cache/extensions.log

say() { echo "kube extensions: $*" >&2; }

exec 9>"$cache/extensions.lock"
flock -n 9 || { say "waiting for another build in $cache"; flock 9; }
if [ -d "$programs" ]; then
  echo "$programs"
  exit 0
fi
work=$cache/extensions-work
apt=(-q -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
  -o "Dir::State::Lists=$work/lists" -o Dir::State::status=/dev/null -o "Dir::Cache=$work/cache"
  -o APT::Sandbox::User=root)

# fetch: the library, Go, etcd, and what the library's packages depend on, less what is not Go and what is
# large and not imported.
fetch() {
  local packages mirror
  mirror=$(debian_mirror)
  mkdir -p "$work"/{lists/partial,cache/archives/partial,packages,root,programs}
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$work/sources.list"
  apt-get "${apt[@]}" update
  packages=$(apt-get "${apt[@]}" -s --no-install-recommends install $library |
    sed -n 's/^Inst \(golang-[^ ]*-dev\|golang-[0-9.]*-\(go\|src\)\) .*/\1/p' |
    grep -vE 'cloudflare-circl|klauspost-compress|pierrec-lz4|aws-sdk|google-cloud-dev|google-api-dev')
  # shellcheck disable=SC2086
  (cd "$work/packages" && apt-get "${apt[@]}" download $packages etcd-server)
  for package in "$work"/packages/*.deb; do dpkg-deb -x "$package" "$work/root"; done
}

build() {
  local roots=("$work"/root/usr/lib/go-*) source=$work/root/usr/share/gocode
  export GOROOT=${roots[0]} GOPATH=$source GOCACHE=$work/gocache GO111MODULE=off CGO_ENABLED=0 GOFLAGS='' GOTOOLCHAIN=local
  (cd "$source/src/k8s.io/apiextensions-apiserver" && "$GOROOT/bin/go" build -p 2 -ldflags '-s -w' -o "$work/programs/apiextensions-apiserver" .)
  cp "$work/root/usr/bin/etcd" "$work/programs/"
  for package in "$work"/packages/{"$library",etcd-server}_*.deb; do dpkg-deb -f "$package" Package Version; done >"$work/programs/VERSIONS"
}

say "building apiextensions-apiserver in $cache; this takes minutes"
started=$SECONDS
rm -rf "$work"
exec 8>&2
trap 'tail -n 20 "$log" >&8; echo "kube extensions: failed; see $log" >&8' EXIT
fetch >"$log" 2>&1
build >>"$log" 2>&1
trap - EXIT
mv "$work/programs" "$programs"
rm -rf "$work"
say "$((SECONDS - started)) s"
echo "$programs"
