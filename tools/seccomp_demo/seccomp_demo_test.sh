#!/bin/bash
# The demo program refuses what the profile refuses and says what is wrong with a bad one.
set -u
demo=$1
failures=0

check() {  # NAME WANT GOT
  if [[ "$2" != "$3" ]]; then
    printf 'FAIL %s\n  want: %s\n  got:  %s\n' "$1" "$2" "$3"
    failures=$((failures + 1))
  fi
}

profile=$TEST_TMPDIR/profile.json
cat > "$profile" <<'JSON'
{"defaultAction": "SCMP_ACT_ALLOW",
 "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
 "syscalls": [
  {"names": ["unshare"], "action": "SCMP_ACT_ERRNO", "args": [
    {"index": 0, "value": 268435456, "valueTwo": 268435456, "op": "SCMP_CMP_MASKED_EQ"}]},
  {"names": ["chmod", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13},
  {"names": ["fchmodat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13}]}
JSON

got=$("$demo" "$profile" -- unshare -U true 2>&1)
check "unshare -U" "unshare: unshare failed: Operation not permitted" "$got"

touch "$TEST_TMPDIR/file"
got=$("$demo" "$profile" -- chmod 700 "$TEST_TMPDIR/file" 2>&1)
check "chmod" "chmod: changing permissions of '$TEST_TMPDIR/file': Permission denied" "$got"

got=$("$demo" "$profile" -- echo hello 2>&1)
check "an allowed command" "hello" "$got"

"$demo" "$profile" -- sh -c 'exit 7'
check "exit status" 7 $?

printf '{"defaultAction": "SCMP_ACT_ALLOW",\n "syscals": []}' > "$TEST_TMPDIR/bad.json"
got=$("$demo" "$TEST_TMPDIR/bad.json" -- true 2>&1)
check "exit status of a bad profile" 2 $?
check "a bad profile" "$TEST_TMPDIR/bad.json:2:2: error: unknown member \"syscals\" [unknown-key]
  fix: did you mean \"syscalls\"?" "$got"

got=$("$demo" 2>&1)
check "usage" "usage: varmor_seccomp_demo PROFILE.json -- COMMAND..." "$got"

exit $((failures > 0))
