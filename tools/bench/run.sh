#!/bin/bash
# Builds the benchmarks, runs them, and prints one markdown table: minimum, median and spread of the
# CPU time. docs/performance.md says how to read it.
#
# usage: tools/bench/run.sh [--save DIR] [--no-build] [FILTER]...     default: everything
#   --save DIR       keep the JSON of each run in DIR
#   --no-build       run what was built before
#   FILTER           only cases whose name has this regular expression
#   REPETITIONS=N    how often each case runs (default 5)
#   BAZEL="bazel --output_base=DIR"   another bazel
set -euo pipefail
cd "$(dirname "$0")/../.."
export HOME=${HOME:-/root}
save=
build=yes
while [[ ${1:-} == --* ]]; do
  case $1 in
    --save)
      save=$2
      shift
      ;;
    --no-build) build= ;;
    *)
      echo "run.sh: unknown option $1" >&2
      exit 2
      ;;
  esac
  shift
done
filter=$(IFS='|'; echo "${*:-.}")
repetitions=${REPETITIONS:-5}
read -ra bazel <<<"${BAZEL:-bazel}"
benchmarks=(compile_benchmark matcher_benchmark decide_benchmark)
[ -z "$build" ] || "${bazel[@]}" build -c opt "${benchmarks[@]/#///tools/bench:}" >&2
bin=$("${bazel[@]}" info -c opt bazel-bin 2>/dev/null)/tools/bench

out=${save:-$(mktemp -d)}
[ -n "$save" ] || trap 'rm -rf "$out"' EXIT
mkdir -p "$out"
flags=(--benchmark_repetitions="$repetitions" --benchmark_format=json)

# Cases of one process run in random order, so that a busy minute of the machine hits all alike.
for name in matcher_benchmark decide_benchmark; do
  "$bin/$name" --benchmark_list_tests | grep -Eq "$filter" || continue
  echo "$name" >&2
  "$bin/$name" "${flags[@]}" --benchmark_min_time=0.03 --benchmark_filter="$filter" \
    --benchmark_enable_random_interleaving=true >"$out/$name.json"
done
# Each compile in a process of its own, for the peak of its memory.
number=0
while read -r case; do
  grep -Eq "$filter" <<<"$case" || continue
  echo "$case" >&2
  number=$((number + 1))
  "$bin/compile_benchmark" "${flags[@]}" --benchmark_min_time=0.1 --benchmark_filter="^$case\$" \
    >"$out/compile_$(printf %02d $number).json"
done < <("$bin/compile_benchmark" --benchmark_list_tests)
python3 tools/bench/bench_table.py "$out"/*.json
