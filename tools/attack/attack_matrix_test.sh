#!/bin/bash
# Every rule that claims seccomp, attacked on this machine.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
if [ "$(id -u)" != 0 ] || ! command -v runc >/dev/null; then
  echo "SKIPPED: containers need root and runc"
  exit 0
fi
tools/attack/attack_matrix --attacker=tools/attack/attacker --enforcers=Seccomp --require
