#!/bin/bash
# What a reviewer would run before a change goes in. Prints the command that fixes what it finds.
#
# usage: tools/check.sh [--quick]     --quick leaves out clang-tidy and the sanitizers
set -euo pipefail
# shellcheck source=usage.sh
. "$(dirname "$0")/usage.sh"
[ $# = 0 ] || [ "$*" = --quick ] || misused
cd "$(dirname "$0")/.."
export HOME=${HOME:-/root}

tools/format.sh --check
tools/check_layers.sh
bazel build //...          # warnings are errors
bazel test //...           # generated files and goldens included
if [ "${1:-}" != --quick ]; then
  bazel build --config=clang-tidy //...
  bazel test --config=asan //lib/...
  bazel test --config=ubsan //lib/...
  bazel test --config=tsan //lib/...
fi
git diff --check
echo "all checks passed"
