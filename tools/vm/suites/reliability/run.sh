#!/bin/bash
# Bundles for the checks of identity, then the program; arguments are the program's.
cd "$(dirname "$0")" || exit 3
# shellcheck source=../../guest/checks.sh
. ./checks.sh

# made NAME ARGS: a bundle with a root of its own, where the files of the checks are.
made() {
  ROOTFS=/tmp/relia-bundles/$1/rootfs
  new_rootfs "$ROOTFS"
  mkdir -p "$ROOTFS/data"
  echo secret >"$ROOTFS/data/relia-secret"
  echo public >"$ROOTFS/data/relia-public"
  cp bin/intruder "$ROOTFS/bin/"
  CGROUP=$3 bundle "/tmp/relia-bundles/$1" "$2"
}

if [ -e bin/intruder ]; then
  mkdir -p /tmp/relia-bundles
  made outer '["/bin/busybox","sleep","100000"]' relia-container
  made nested '["/bin/intruder","open","/data/relia-secret"]' relia-nested
fi
exec bin/reliability "$@"
