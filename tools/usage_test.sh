#!/bin/bash
# Every script here answers --help with its usage and wrong arguments with 2, and does not begin to
# work: nothing that would is in its PATH.
set -uo pipefail
cd tools
bin=$TEST_TMPDIR/bin
mkdir "$bin"
for each in sed dirname; do ln -s "$(command -v $each)" "$bin/$each"; done

scripts=$PWD status=0
# check WANTED STREAM SCRIPT [ARG]...: its exit status, and where its usage is to be.
check() {
  local wanted=$1 stream=$2 script=$3 got
  shift 3
  (cd / && PATH=$bin "$scripts/$script" "$@" >"$TEST_TMPDIR/out" 2>"$TEST_TMPDIR/err")
  got=$?
  if [ $got != "$wanted" ] || ! grep -q "^usage: tools/$script" "$TEST_TMPDIR/$stream"; then
    echo "FAILED: $script $* ends with $got"
    cat "$TEST_TMPDIR/out" "$TEST_TMPDIR/err"
    status=1
  fi
}

for script in *.sh; do
  case $script in usage.sh | usage_test.sh) continue ;; esac
  check 0 out "$script" --help
  check 0 out "$script" -h
  checked=yes
done
for script in demo test check check_layers format setup fuzz; do check 2 err $script.sh --nonsense; done
check 2 err fuzz.sh
check 2 err install.sh
[ "${checked:-}" = yes ] && exit $status
