#!/bin/sh
# What varmor-agent costs with AppArmor, BPF and seccomp at once, and what it leaves behind.
#
# usage: run.sh [PART]...     churn, memory (default: both)
. ./checks.sh
# crun, since an emulated processor takes long to start programs in Go.
export BUSYBOX=/bin/busybox SNAPSHOTTER=overlayfs RUNC=crun
[ -x $BUSYBOX ] || BUSYBOX=$(command -v busybox)
for part in ${*:-churn memory}; do
  case $part in
    churn)
      agent_churn /tmp/churn 2000
      ok $? "2,000 containers start and stop: nothing is left"
      rm -rf /sys/fs/bpf/varmor
      ;;
    memory)
      bash ./memory.sh "$(command -v varmor-agent)" 256
      ok $? "memory of the agent is within its bounds"
      ;;
    *) ok 1 "$part is no part of this suite" ;;
  esac
done
finish
