#!/bin/sh
# Measures two programs three times each, and compares.
. ./checks.sh

# value NAME FIELD: of the pinned program NAME.
value() { bpftool -j prog show pinned "/sys/fs/bpf/count/$1_prog" | sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p"; }

# batch NAME: average run_time_ns of 2,000 calls.
batch() {
  time_before=$(value "$1" run_time_ns) runs_before=$(value "$1" run_cnt)
  opens /etc/passwd 2000
  time_after=$(value "$1" run_time_ns) runs_after=$(value "$1" run_cnt)
  awk "BEGIN {printf \"%.2f\", ($time_after - ${time_before:-0}) / ($runs_after - ${runs_before:-0})}"
}

# measure NAME: the least of five batches. Now and then a batch holds another task's work.
measure() {
  for _ in 1 2 3 4 5; do
    batch "$1"
    echo
  done | tee -a $RESULTS/batches | sort -n | head -n 1
}

# within PERCENT A B
within() { awk "BEGIN {d = $2 - $3; if (d < 0) d = -d; exit !(d <= $2 * $1 / 100)}"; }

echo "clock: $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource), $(dmesg | grep -o 'tsc: Detected.*' | head -n 1)"
expect_ok "programs load and attach" attach count.bpf.o /sys/fs/bpf/count
echo 1 >/proc/sys/kernel/bpf_stats_enabled
opens /etc/passwd 2000 # warms up
sleep 5                # costs nothing here, and lets the boot's leftovers end
for program in nothing looping; do
  first=$(measure $program) second=$(measure $program) third=$(measure $program)
  echo "$program: $first $second $third ns for a call"
  expect_ok "$program: the second measurement is within 1 % of the first" within 1 "$first" "$second"
  expect_ok "$program: the third measurement is within 1 % of the first" within 1 "$first" "$third"
  eval "$program=$first"
done
# The looping program also waits for some timer interrupts, whose instructions are counted with its own.
each=$(awk "BEGIN {printf \"%.3f\", ($looping - $nothing) / 1000}")
echo "one turn of the loop: $each ns"
expect_ok "a turn of the loop takes its three instructions" within 1 "$each" 3
finish
