#!/bin/bash
# The attack matrix. Arguments go to bin/attack_matrix; the table ends up in the suite's results.
set -uo pipefail
cd "$(dirname "$0")"
# Reports have to come however many there are.
echo 0 >/proc/sys/kernel/printk_ratelimit
bin/attack_matrix --attacker=bin/attacker --page="${RESULTS:-/tmp}/attack_matrix.md" "$@"
