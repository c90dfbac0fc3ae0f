#!/bin/bash
# The attack matrix. Arguments go to # Debian starts with 3, where a capability is not enough.
echo 2 >/proc/sys/kernel/perf_event_paranoid
bin/attack_matrix; the table ends up in the suite's results.
set -uo pipefail
cd "$(dirname "$0")"
# Reports have to come however many there are.
echo 0 >/proc/sys/kernel/printk_ratelimit
bin/attack_matrix --attacker=bin/attacker --page="${RESULTS:-/tmp}/attack_matrix.md" "$@"
