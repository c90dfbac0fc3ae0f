#!/bin/bash
# Dependencies point one way: proto -> lib/compiler -> lib/enforcers -> runtime -> tools. Visibility
# in the BUILD files says so; this checks what visibility cannot.
#
# usage: tools/check_layers.sh
set -euo pipefail
# shellcheck source=usage.sh
. "$(dirname "$0")/usage.sh"
[ $# = 0 ] || misused
cd "$(dirname "$0")/.."
status=0
fail() {
  echo "$1" >&2
  status=1
}

# The library is pure: no files, clock, environment, network or kernel (DESIGN.md, decision 3).
# Tests, fuzzers and what is only for them may ask the system.
pure=$(git ls-files 'lib/compiler/*.cc' 'lib/compiler/*.h' |
  grep -vE '_test\.cc$|_fuzzer\.cc$|_benchmark\.cc$|/testing/|/embed_rules\.cc$' || true)
if grep -nE '#include <(fstream|filesystem|unistd\.h|sys/[a-z]+\.h|ctime|chrono|thread|random|iostream|dirent\.h|fcntl\.h)>|std::getenv|getenv\(|fopen\(' $pure; then
  fail "lib/compiler must stay pure: pass the value in as an argument"
fi
if grep -nE '#include "(runtime|tools)/' $(git ls-files 'lib/*'); then
  fail "lib/ must not depend on runtime/ or tools/"
fi
if grep -nE '#include "lib/enforcers/' $(git ls-files 'lib/compiler/*'); then
  fail "lib/compiler must not depend on lib/enforcers/"
fi
# No switch on rule names: what a rule does is data.
if grep -nE '"dis(allow|able)-[a-z]' $pure | grep -v '^lib/compiler/catalogue/' | grep -vE ':\s*//|//.*"dis'; then
  fail "a rule's name in code: describe the rule in lib/compiler/catalogue/rules instead"
fi
exit $status
