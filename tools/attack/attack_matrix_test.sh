#!/bin/bash
# Every rule that claims seccomp, attacked on this machine.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
if [ "$(id -u)" != 0 ] || ! command -v runc >/dev/null; then
  echo "SKIPPED: containers need root and runc"
  # Counted as that, and not as passed.
  echo '<testsuites><testsuite name="attack"><testcase name="matrix"><skipped/></testcase></testsuite></testsuites>' \
    >"${XML_OUTPUT_FILE:-/dev/null}"
  exit 0
fi
tools/attack/attack_matrix --attacker=tools/attack/attacker --enforcers=Seccomp --require
