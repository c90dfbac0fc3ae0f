#!/bin/bash
# Builds and installs the library, the tool, their documentation and what build systems need to find
# them: docs/library.md tells how to use it.
#
# usage: tools/install.sh --prefix DIR [--libdir DIR]
#   --prefix DIR   where to, such as /usr/local; may be relative
#   --libdir DIR   below the prefix (default lib; Debian's packages have lib/x86_64-linux-gnu)
#   DESTDIR        in the environment: put before every path, for packagers
set -euo pipefail
# shellcheck source=usage.sh
. "$(dirname "$0")/usage.sh"
[ $# != 0 ] || misused
invoked_from=$PWD
cd "$(dirname "$0")/.."
export HOME=${HOME:-/root}
tools/setup.sh build
# Everything position-independent: the objects go into the shared library and the archive.
flags=(-c opt --force_pic)
[ -z "${CI:-}" ] || flags+=(--config=ci)
bazel build "${flags[@]}" //tools/install
bin=$(bazel info "${flags[@]}" bazel-bin 2>/dev/null)
cd "$bin/tools/install/install.runfiles/varmor"
BUILD_WORKING_DIRECTORY=$invoked_from exec tools/install/install_files.sh "$@"
