#!/bin/bash
# Runs the suite under AddressSanitizer and UndefinedBehaviorSanitizer, and says how many lines of
# lib/compiler it reached. The build is the one that the fuzz targets use.
#
# usage: tools/coverage.sh [--files] [TARGET]...      default: //lib/compiler/...
#   --files   one line per source file, the least covered first
#   COVERAGE_MIN=N   fail below N percent (default 92)
#   BAZEL and BAZEL_FLAGS replace "bazel" and its flags (none; in CI "--config=ci").
set -euo pipefail
# shellcheck source=usage.sh
. "$(dirname "$0")/usage.sh"
cd "$(dirname "$0")/.."
export HOME=${HOME:-/root}
files=
if [ "${1:-}" = --files ]; then
  files=yes
  shift
fi
targets=("$@")
[ "${#targets[@]}" != 0 ] || targets=(//lib/compiler/...)
minimum=${COVERAGE_MIN:-92}
read -ra bazel <<<"${BAZEL:-bazel}"
read -ra flags <<<"--config=fuzz ${BAZEL_FLAGS-${CI:+--config=ci}}"

profiles=$(mktemp -d)
trap 'rm -rf "$profiles"' EXIT
# %m: one file per binary, runs merged into it. Cached results would write no profile.
"${bazel[@]}" test "${flags[@]}" --keep_going --nocache_test_results --sandbox_writable_path="$profiles" \
  --test_env=LLVM_PROFILE_FILE="$profiles/%m.profraw" "${targets[@]}"

objects=()
bin=$("${bazel[@]}" info "${flags[@]}" bazel-bin 2>/dev/null)
while read -r label; do
  path=${label#//}
  binary=$bin/${path/://}
  if [ -x "$binary" ] && [ "$(head -c 4 "$binary" | tail -c 3)" = ELF ]; then
    objects+=(-object "$binary")
  fi
done < <("${bazel[@]}" query "kind(cc_test, set(${targets[*]}))" 2>/dev/null)
if [ "${#objects[@]}" = 0 ]; then
  echo "coverage: none of the targets is a C++ test" >&2
  exit 1
fi
llvm-profdata-14 merge -sparse -o "$profiles/all.profdata" "$profiles"/*.profraw
report=$profiles/report.json
llvm-cov-14 export -summary-only -instr-profile="$profiles/all.profdata" "${objects[@]}" \
  -ignore-filename-regex='(_test|_fuzzer|_for_test)\.cc$|/testing/|\.pb\.|^(external|bazel-out|/usr)' >"$report"
python3 tools/coverage_summary.py "$report" "$minimum" $files
