#!/bin/bash
# The BTF of a Debian cloud kernel, without booting it.
#
# usage: tools/vm/btf.sh KERNEL OUT        KERNEL: 5.10, 6.1, 6.12 or 7
#   OUT ends in .h     vmlinux.h, for BPF programs written against this kernel
#   any other OUT      the raw BTF, as the kernel shows it in /sys/kernel/btf/vmlinux
# usage: tools/vm/btf.sh --version KERNEL  the release that the cache holds, e.g. 6.1.0-56-cloud-amd64
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "$(readlink -f "$0")")/common.sh"
# shellcheck source=packages.sh
. "$VM_DIR/packages.sh"

[ $# -eq 2 ] || { sed -n '4,7s/^# //p' "$0" >&2; exit 2; }
need lz4 lz4 zstd zstd python3 python3 flock util-linux

if [ "$1" = --version ]; then
  fetch_kernel "$2"
  exec cat "$VMLAB_CACHE/kernels/$2/version"
fi
fetch_kernel "$1"
fetch_userland
dir=$VMLAB_CACHE/kernels/$1
bpftool=$VMLAB_CACHE/userland/tree/usr/sbin/bpftool

extract() {
  [ ! -s "$dir/vmlinux.h" ] || return 0
  python3 "$VM_DIR/kernel_btf.py" "$dir/vmlinuz" "$dir/vmlinux.btf"
  "$bpftool" btf dump file "$dir/vmlinux.btf" format c >"$dir/vmlinux.h.new"
  mv "$dir/vmlinux.h.new" "$dir/vmlinux.h"
}
with_lock "btf-$1" extract
case $2 in
  *.h) cp "$dir/vmlinux.h" "$2" ;;
  *) cp "$dir/vmlinux.btf" "$2" ;;
esac
