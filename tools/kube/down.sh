#!/bin/bash
# Stops what tools/kube/up.sh and node_up.sh started over DIR. The data stays.
#
# usage: tools/kube/down.sh DIR
set -euo pipefail
[ $# = 1 ] && [ -d "$1" ] || { echo "usage: tools/kube/down.sh DIR" >&2; exit 2; }
# The server keeps open watches for a minute when it is asked to end, so nothing is asked.
for name in apiserver etcd; do
  [ -f "$1/$name.pid" ] || continue
  pid=$(cat "$1/$name.pid")
  # Not another process that got the number since.
  if grep -qz -e kube-apiserver -e etcd "/proc/$pid/cmdline" 2>/dev/null; then
    kill -9 "$pid"
    while kill -0 "$pid" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null; do sleep 0.05; done
  fi
  rm -f "$1/$name.pid"
done
