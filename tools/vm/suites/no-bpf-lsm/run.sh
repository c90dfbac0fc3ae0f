#!/bin/sh
# Why the enforcer has to try a denial on itself: nothing else tells that it does not work.
. ./checks.sh

expect_ok "an LSM program loads, attaches and is pinned" attach deny_mount.bpf.o /sys/fs/bpf/deny
expect_ok "it denies nothing" mount -t tmpfs x /mnt
finish
