#!/bin/sh
# Runs one fuzz target for a while, on a copy of its corpus.
#
# usage: tools/fuzz.sh BINARY CORPUS_DIR SECONDS
# An input that breaks the target is left in the current directory.
set -eu
# shellcheck source=usage.sh
. "$(dirname "$0")/usage.sh"
[ $# = 3 ] || misused
binary=$1 corpus=$2 seconds=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
[ -d "$corpus" ] || { echo "fuzz: no corpus in $corpus" >&2; exit 1; }
"$binary" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
  "$scratch" "$corpus"
