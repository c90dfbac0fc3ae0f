#!/bin/sh
# Installs what building and testing needs: Debian 12 packages, nothing else.
# Says what it will install before it does; installs nothing when all is there.
#
# usage: tools/setup.sh [build|test]
#   build   compile and run the tool
#   test    also run the tests: the real AppArmor parser, runc, crun, clang, qemu (default)
set -eu
# shellcheck source=usage.sh
. "$(dirname "$0")/usage.sh"

build_packages="
  bazel-bootstrap bazel-rules-java bazel-rules-proto bazel-skylib
  g++ git pkg-config python3
  libabsl-dev libprotobuf-dev protobuf-compiler libre2-dev
  libyaml-cpp-dev rapidjson-dev libseccomp-dev libssl-dev zlib1g-dev libbpf-dev libelf-dev clang
  libgrpc++-dev libgrpc-dev libc-ares-dev protobuf-compiler-grpc
  libcurl4-openssl-dev libboost-dev nlohmann-json3-dev
  googletest libgtest-dev libgmock-dev libbenchmark-dev
"
test_packages="
  apparmor runc crun
  clang-format clang-tidy llvm libclang-rt-14-dev
  containerd containernetworking-plugins curl iproute2 openssl procps
  etcd-server golang-1.19-go dpkg-dev golang-github-modern-go-reflect2-dev
  qemu-system-x86 busybox-static cpio e2fsprogs lz4 zstd
  python3-jsonschema python3-yaml jq
  cmake make man-db
"

case "${1:-test}" in
  build) wanted=$build_packages ;;
  test) wanted="$build_packages $test_packages" ;;
  *) misused ;;
esac

if ! command -v dpkg-query >/dev/null; then
  echo "setup: this is not a Debian system; install the equivalents of:" $wanted >&2
  exit 1
fi

missing=
for package in $wanted; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
  echo "setup: all packages are installed"
  exit 0
fi

as_root=
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: run as root, or install sudo, to install:$missing" >&2
    exit 1
  fi
  as_root=sudo
fi

echo "setup: installing with apt-get:$missing"
$as_root apt-get update -q
# Packages only: no service of theirs is started, no recommended package is pulled in.
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
