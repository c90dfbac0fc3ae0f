#!/bin/bash
# The attack matrix. Arguments are those of attack_matrix; the page ends up among the suite's results.
set -uo pipefail
cd "$(dirname "$0")" || exit
# Reports have to come however many there are.
echo 0 >/proc/sys/kernel/printk_ratelimit
# Debian starts with 3, where no capability is enough.
echo 2 >/proc/sys/kernel/perf_event_paranoid
insmod ./af_alg.ko || exit
bin/attack_matrix --attacker=bin/attacker --page="${RESULTS:-/tmp}/attack_matrix.md" "$@"
