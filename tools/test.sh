#!/bin/bash
# Everything that must hold, from nothing: installs what tests need, builds, and runs unit, golden,
# decision and host tests, short fuzz runs, and the checks of a reviewer that are quick.
#
# usage: tools/test.sh
#   FUZZ_SECONDS=N   seconds for each fuzz target (default 20)
# Prints "N passed, N failed, N skipped" last; exits with 1 when anything failed.
set -uo pipefail
cd "$(dirname "$0")/.."
export HOME=${HOME:-/root}
fuzz_seconds=${FUZZ_SECONDS:-20}
bazel_flags=()
[ -z "${CI:-}" ] || bazel_flags+=(--config=ci)

passed=0 failed=0 skipped=0
count() { # count NAME COMMAND...: one more check
  local name=$1 log
  shift
  log=$(mktemp)
  if "$@" >"$log" 2>&1; then
    passed=$((passed + 1))
    echo "PASSED $name"
  else
    failed=$((failed + 1))
    echo "FAILED $name"
    tail -n 60 "$log"
  fi
  rm -f "$log"
}

tools/setup.sh test || exit 1

echo "== tests"
events=$(mktemp)
bazel test "${bazel_flags[@]}" --keep_going --build_event_json_file="$events" //...
status=$?
summary=$(python3 tools/test_summary.py "$events")
rm -f "$events"
echo "bazel: $summary"
read -r p _ f _ s _ <<<"${summary//,/}"
passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))
# A build that breaks has no test results to count.
if [ "$status" != 0 ] && [ "${f:-0}" = 0 ]; then failed=$((failed + 1)); fi

echo "== checks"
count "format" tools/format.sh --check
count "layers" tools/check_layers.sh

echo "== fuzzing, $fuzz_seconds s each"
mapfile -t fuzzers < <(bazel query "${bazel_flags[@]}" 'attr(tags, fuzzer, //...)' 2>/dev/null)
if [ "${#fuzzers[@]}" = 0 ]; then
  echo "FAILED fuzzing: no targets found"
  failed=$((failed + 1))
elif bazel build "${bazel_flags[@]}" --config=fuzz "${fuzzers[@]}"; then
  for fuzzer in "${fuzzers[@]}"; do
    path=${fuzzer#//}
    binary=$(bazel info "${bazel_flags[@]}" --config=fuzz bazel-bin 2>/dev/null)/${path/://}
    corpus=${path%%:*}/corpus
    count "fuzz $fuzzer" tools/fuzz.sh "$binary" "$corpus" "$fuzz_seconds"
  done
else
  echo "FAILED fuzzing: the targets do not build"
  failed=$((failed + 1))
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
