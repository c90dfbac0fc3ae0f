#!/bin/sh
# Formats C++ sources with clang-format (.clang-format at the root).
#
# usage: tools/format.sh [--check]     --check changes nothing and fails when something would change
set -eu
# shellcheck source=usage.sh
. "$(dirname "$0")/usage.sh"
[ $# = 0 ] || [ "$*" = --check ] || misused
cd "$(dirname "$0")/.."
files=$(git ls-files '*.cc' '*.h' '*.c')
if [ "${1:-}" = --check ]; then
  if ! clang-format --dry-run -Werror $files; then
    echo "to fix it: tools/format.sh" >&2
    exit 1
  fi
else
  clang-format -i $files
fi
