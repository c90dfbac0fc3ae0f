#!/bin/bash
# What varmor-hook does without an agent. With one: the guest's suite "agent".
#
# usage: hook_test.sh VARMOR-HOOK
set -u
hook=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
# hook_exits NAME CODE STATE WORDS...: the hook's exit status; what it says is in $dir/err.
hook_exits() {
  local name=$1 code=$2 state=$3
  shift 3
  printf '%s' "$state" | "$hook" --socket "$dir/none.sock" "$@" >"$dir/out" 2>"$dir/err"
  local is=$?
  if [ $is = "$code" ]; then
    echo "ok   $name"
  else
    echo "FAIL $name: exit status $is, not $code"
    cat "$dir/err"
    failed=$((failed + 1))
  fi
}
says() {
  if grep -qF -e "$1" "$dir/err"; then
    echo "ok   says: $1"
  else
    echo "FAIL does not say: $1"
    cat "$dir/err"
    failed=$((failed + 1))
  fi
}

state='{"ociVersion":"1.0.2","id":"c1","pid":71,"bundle":"/run/x/default/c1"}'
hook_exits "open: the container is started" 0 "$state" --timeout=100ms
says "started UNCONFINED: cannot reach the agent"
hook_exits "closed: it is not" 1 "$state" --timeout=100ms --fail-mode=closed
says "the container is not started: cannot reach the agent"

# Forgotten dashes must not be "open".
hook_exits "a word that is no flag" 2 "$state" fail-mode=closed
says '"fail-mode=closed" is no flag'
hook_exits "several mistakes" 2 "$state" --fail-mode=shut --timeout=-1s --nosuch stray
says 'flag -fail-mode: "shut" is not open or closed'
says 'flag -timeout has to be longer than nothing'
says 'unknown flag -nosuch'
says '"stray" is no flag'

for wrong in '' '[]' '{"id":"c1","pid":71}' '{"id":"c1","pid":71,"bundle":7}' '{"id":7,"pid":71,"bundle":"/a/b"}' \
  '{"id":"c1","pid":"71","bundle":"/a/b"}'; do
  hook_exits "open: $wrong is no state" 0 "$wrong"
  says "started UNCONFINED: standard input is no state of an OCI container"
  hook_exits "closed: $wrong is no state" 1 "$wrong" --fail-mode=closed
done
echo "$failed failed"
[ $failed = 0 ]
