#!/bin/bash
# Everything that must hold, from nothing: installs what tests need, builds, and runs unit, golden,
# decision and host tests, the daemons with a real API server, the enforcers in a real kernel (qemu), short
# fuzz runs, and the checks of a reviewer that are quick.
#
# usage: tools/test.sh
#   FUZZ_SECONDS=N   seconds for each fuzz target (default 30; two run at a time)
# Prints "N passed, N failed, N skipped" last; exits with 1 when anything failed.
set -uo pipefail
# shellcheck source=usage.sh
. "$(dirname "$0")/usage.sh"
[ $# = 0 ] || misused
cd "$(dirname "$0")/.."
export HOME=${HOME:-/root}
fuzz_seconds=${FUZZ_SECONDS:-30}
bazel_flags=()
[ -z "${CI:-}" ] || bazel_flags+=(--config=ci)

passed=0 failed=0 skipped=0
failures=()
# fail NAME: one more that failed; all are named again at the end of a long log.
fail() {
  failed=$((failed + 1))
  failures+=("$1")
  echo "FAILED $1"
}

count() { # count NAME COMMAND...: one more check
  local name=$1 log
  shift
  log=$(mktemp)
  if "$@" >"$log" 2>&1; then
    passed=$((passed + 1))
    echo "PASSED $name"
  else
    fail "$name"
    tail -n 60 "$log"
  fi
  rm -f "$log"
}

# stage NAME: what the lines below are about. When each began is said again at the end, as are the suites'
# times: that is all that is left of a log that was cut.
times=()
stage() {
  times+=("$SECONDS s: $1")
  echo "== $1 (begun after $SECONDS s)"
}

stage "packages"
tools/setup.sh test || exit 1

stage "tests"
events=$(mktemp)
bazel test "${bazel_flags[@]}" --keep_going --build_event_json_file="$events" //...
status=$?
mapfile -t lines < <(python3 tools/test_summary.py "$events")
rm -f "$events"
[ "${#lines[@]}" -gt 0 ] || lines=("")
summary=${lines[-1]}
failures+=("${lines[@]:0:${#lines[@]}-1}")
echo "bazel: $summary"
read -r p _ f _ s _ <<<"${summary//,/}"
passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))
# A build that breaks has no test results to count.
if [ "$status" != 0 ] && [ "${f:-0}" = 0 ]; then fail "bazel test: exit status $status"; fi

stage "checks"
count "format" tools/format.sh --check
count "layers" tools/check_layers.sh

# suites NAME COMMAND...: more checks, by a command whose last line counts them, "vm: N passed, N failed".
suites() {
  local name=$1 log status summary
  shift
  log=$(mktemp)
  "$@" 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  summary=$(tail -n 1 "$log")
  mapfile -t lines < <(tr -d '\r' <"$log" | grep -aE '^(\[  FAILED  \]|FAIL \[)' | sort -u)
  failures+=("${lines[@]}")
  mapfile -t lines < <(grep -aE '^(vmlab: .*exit status|kube run: suite )' "$log" | sed 's/, log.*//')
  times+=("${lines[@]/#/  }")
  rm -f "$log"
  if [[ $summary =~ ^[a-z-]+:\ ([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)?$ ]]; then
    passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
    skipped=$((skipped + ${BASH_REMATCH[4]:-0}))
    if [ "$status" != 0 ] && [ "${BASH_REMATCH[2]}" = 0 ]; then fail "$name: exit status $status"; fi
  else
    fail "$name did not finish (exit status $status)"
  fi
}
# The flags of the tests above, so that nothing is built twice.
export BAZEL_FLAGS="${bazel_flags[*]}"

# Builds with Clang take long, and the suites that follow leave a core to them: both go on at a time, each with a
# Bazel of its own.
clang_bazel=(bazel --output_base="$(bazel info output_base 2>/dev/null)-clang")
clang_flags=("${bazel_flags[@]}" --experimental_convenience_symlinks=ignore)
coverage_log=$(mktemp)
BAZEL="${clang_bazel[*]}" BAZEL_FLAGS="${clang_flags[*]} --jobs=1" tools/coverage.sh >"$coverage_log" 2>&1 &
coverage=$!
trap 'pkill -P "$coverage"; "${clang_bazel[@]}" shutdown >/dev/null 2>&1' EXIT

stage "the daemons and a real API server"
suites "the suites with a real API server" tools/kube/run --tested

stage "the enforcers in a real kernel"
suites "the suites in the guest" tools/vm/run --tested

stage "the suite under AddressSanitizer and UndefinedBehaviorSanitizer, and its coverage"
if wait "$coverage"; then
  passed=$((passed + 1))
  tail -n 1 "$coverage_log"
else
  fail "sanitizers and coverage"
  tail -n 100 "$coverage_log"
fi
rm -f "$coverage_log"

stage "fuzzing, $fuzz_seconds s each"
fuzz_log=$(mktemp)
mapfile -t fuzzers < <(bazel query "${bazel_flags[@]}" 'attr(tags, fuzzer, //...)' 2>/dev/null)
if [ "${#fuzzers[@]}" = 0 ]; then
  fail "fuzzing: no targets found"
elif "${clang_bazel[@]}" build "${clang_flags[@]}" --config=fuzz "${fuzzers[@]}" >"$fuzz_log" 2>&1; then
  bin=$("${clang_bazel[@]}" info "${clang_flags[@]}" --config=fuzz bazel-bin 2>/dev/null)
  results=$(mktemp -d)
  # One NAME.ok or NAME.failed per target, with its output.
  printf '%s\n' "${fuzzers[@]}" | xargs -P 2 -I{} bash -c '
    path=${1#//}
    name=${path//[:\/]/_}
    if tools/fuzz.sh "$2/${path/://}" "${path%%:*}/corpus" "$3" >"$4/$name.log" 2>&1; then
      mv "$4/$name.log" "$4/$name.ok"
    else
      mv "$4/$name.log" "$4/$name.failed"
    fi' _ {} "$bin" "$fuzz_seconds" "$results"
  for fuzzer in "${fuzzers[@]}"; do
    path=${fuzzer#//}
    name=${path//[:\/]/_}
    if [ -e "$results/$name.ok" ]; then
      passed=$((passed + 1))
      echo "PASSED fuzz $fuzzer"
    else
      fail "fuzz $fuzzer"
      tail -n 60 "$results/$name.failed"
    fi
  done
  rm -rf "$results"
else
  fail "fuzzing: the targets do not build"
  tail -n 60 "$fuzz_log"
fi
rm -f "$fuzz_log"

printf '== %s\n' "${times[@]}"
if [ "${#failures[@]}" != 0 ]; then printf '== failed: %s\n' "${failures[@]}"; fi
echo "== done after $SECONDS s"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
