#!/bin/bash
# Builds Kubernetes 1.20.2 for the tests, from Debian's own source package: kube-apiserver,
# kube-controller-manager, kube-scheduler, kubelet and kubectl, static and without cloud providers.
# Does nothing when they are there. Needs the packages of tools/setup.sh, the network for the source
# package (18 MB), 1.5 GiB of temporary disk, and five to ten minutes on two cores.
#
# usage: tools/kube/build.sh [PROGRAM]...        (default: all five)
#
# Prints the directory of the programs. It is VARMOR_KUBE/bin; VARMOR_KUBE is ~/.cache/varmor-kube
# unless the environment says otherwise. Nothing outside of VARMOR_KUBE changes.
set -euo pipefail
# shellcheck source=../vm/debian_mirror.sh
. "$(dirname "$(readlink -f "$0")")/../vm/debian_mirror.sh"
cache=${VARMOR_KUBE:-$HOME/.cache/varmor-kube}
version=1.20.2
programs=("$@")
[ $# -gt 0 ] || programs=(kube-apiserver kubectl kube-controller-manager kube-scheduler kubelet)

say() { echo "kube build: $*" >&2; }
die() { say "$*"; exit 1; }

for program in "${programs[@]}"; do
  case $program in
    kube-apiserver | kube-controller-manager | kube-scheduler | kubelet | kubectl) ;;
    *) die "there is no program '$program'" ;;
  esac
done
mkdir -p "$cache/bin"
cache=$(realpath "$cache")
exec 9>"$cache/lock"
flock -n 9 || { say "waiting for another build in $cache"; flock 9; }

missing=()
for program in "${programs[@]}"; do
  [ -x "$cache/bin/$program" ] || missing+=("$program")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "$cache/bin"
  exit 0
fi

go=/usr/lib/go-1.19/bin/go
reflect2=/usr/share/gocode/src/github.com/modern-go/reflect2
[ -x $go ] || die "$go is missing; tools/setup.sh installs golang-1.19-go"
[ -d $reflect2 ] || die "$reflect2 is missing; tools/setup.sh installs golang-github-modern-go-reflect2-dev"
command -v dpkg-source >/dev/null || die "dpkg-source is missing; tools/setup.sh installs dpkg-dev"

work=$cache/work  # kept when a build fails: the next one goes on from Go's cache
tree=$work/gopath/src/k8s.io/kubernetes

# Go without modules, as this source wants it, and without a C compiler.
export GOPATH=$work/gopath GOCACHE=$work/gocache GO111MODULE=off CGO_ENABLED=0 GOFLAGS=''
export PATH=/usr/lib/go-1.19/bin:$PATH

# fetch_source: a package index of our own, so that neither the machine's sources nor its lists change.
fetch_source() {
  local apt=$work/apt mirror
  mirror=$(debian_mirror)
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm main" >"$apt/sources.list"
  local options=(-q -o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update
  (cd "$work" && apt-get "${options[@]}" source --only-source kubernetes)
}

# prepare_source: what the packaged source lacks, and what Go 1.19 cannot run.
prepare_source() {
  local unpacked
  fetch_source
  unpacked=$(find "$work" -maxdepth 1 -type d -name 'kubernetes-1.20*' -print -quit)
  [ -n "$unpacked" ] || die "the source package unpacked to no kubernetes-1.20*"
  mkdir -p "$work/gopath/src/k8s.io"
  mv "$unpacked" "$tree"
  # Since Go 1.18 the iterator of maps looks different; reflect2 1.0.1 reads the old shape, and the
  # server dies at the first write of a custom resource. 1.0.2 fits in its place.
  rm -r "$tree/vendor/github.com/modern-go/reflect2"
  cp -r $reflect2 "$tree/vendor/github.com/modern-go/"
  # The schema of the built-in types is generated, from the packages that ask for it in a comment.
  local generator=$work/openapi-gen inputs
  (
    cd "$tree"
    go build -o "$generator" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
    inputs=$(grep -rl --include='*.go' '^// +k8s:openapi-gen=' pkg staging/src/k8s.io |
      grep -vE '/(code-generator|sample-apiserver)/|zz_generated|_test\.go$' |
      sed -E 's#/[^/]*$##; s#^staging/src/#vendor/#; s#^#k8s.io/kubernetes/#' | LC_ALL=C sort -u | paste -sd,)
    "$generator" --logtostderr --input-dirs "$inputs" --output-file-base zz_generated.openapi \
      --output-package k8s.io/kubernetes/pkg/generated/openapi \
      --go-header-file vendor/k8s.io/code-generator/hack/boilerplate.go.txt --report-filename "$work/violations"
  )
  touch "$work/prepared"
}

# link_flags: stripped, and with the version that clients ask for.
link_flags() {
  local vendor=k8s.io/kubernetes/vendor/k8s.io package
  printf -- '-s -w'
  for package in $vendor/component-base/version $vendor/client-go/pkg/version; do
    printf ' -X %s.gitMajor=1 -X %s.gitMinor=20 -X %s.gitVersion=v%s' "$package" "$package" "$package" $version
    printf ' -X %s.gitTreeState=archive -X %s.buildDate=2021-01-13T00:00:00Z' "$package" "$package"
  done
}

say "building ${missing[*]} $version in $cache; this takes minutes"
if [ ! -e "$work/prepared" ]; then
  [ ! -e "$work" ] || { chmod -R u+w "$work"; rm -rf "$work"; }
  mkdir -p "$work"
  prepare_source >"$cache/build.log" 2>&1 || { tail -n 20 "$cache/build.log" >&2; die "failed; see $cache/build.log"; }
fi
for program in "${missing[@]}"; do
  started=$SECONDS
  (cd "$tree" && go build -tags providerless,dockerless -ldflags "$(link_flags)" \
    -o "$work/$program" "./cmd/$program") >>"$cache/build.log" 2>&1 ||
    { tail -n 20 "$cache/build.log" >&2; die "$program failed; see $cache/build.log"; }
  mv "$work/$program" "$cache/bin/$program"
  say "$program: $((SECONDS - started)) s"
done
chmod -R u+w "$work"
rm -rf "$work"
echo "$cache/bin"
