#!/bin/bash
# Ends the node that tools/kube/node_up.sh started over DIR, with all its containers, and removes their
# cgroups and DIR's data; DIR/log stays.
#
# usage: tools/kube/node_down.sh DIR
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "$(readlink -f "$0")")/common.sh"
[ $# = 1 ] && [ -d "$1" ] || { echo "usage: tools/kube/node_down.sh DIR" >&2; exit 2; }
dir=$(realpath "$1")
[ -d "$dir/node" ] || exit 0
containers=$(ls "$dir/node/_run_containerd/io.containerd.runtime.v2.task/k8s.io" 2>/dev/null || true)
if pid=$(node_pid "$dir"); then
  kill -9 "$pid"
  while node_pid "$dir" >/dev/null; do sleep 0.05; done
fi
# What is left of their cgroups. They are empty a moment after the processes died.
for container in $containers; do
  find /sys/fs/cgroup -depth -type d -path "*/k8s.io/$container*" 2>/dev/null | while read -r cgroup; do
    rmdir "$cgroup" 2>/dev/null || { sleep 0.5; rmdir "$cgroup" || true; }
  done
done
# Overlays are gone with their mount namespace, so this is only files.
for entry in "$dir"/*; do
  [ "$entry" = "$dir/log" ] || rm -rf --one-file-system "$entry"
done
