#!/bin/bash
# Boots a throw-away guest with one of Debian's kernels under qemu, without KVM, and runs one command in it
# as root. AppArmor and BPF LSM are active; runc, crun, bpftool, apparmor_parser and busybox are installed.
#
# usage: tools/vm/vmlab.sh run [OPTION]... DIR [COMMAND]
#   DIR is copied to /payload in the guest and COMMAND (default ./run.sh) runs there under sh. Its output is
#   our output and its exit status ours. DIR/bin is in PATH; the programs in it bring the libraries that they
#   have on this machine. /opt/rootfs is a busybox root for containers.
#     --kernel K        5.10, 6.1 (default), 6.12 or 7
#     --timeout SEC     120       --memory MB  1024      --cpus N  1
#     --out OUT         what COMMAND leaves in $RESULTS comes back into OUT, with dmesg.txt and console.log
#     --needs LIST      features checked in the guest before COMMAND (guest/needs lists them): bpf-lsm,btf,...
#     --no-bpf-lsm      boot without bpf in lsm=
#     --lsm LIST        another lsm=
#     --append WORDS    more kernel command line, e.g. 'preempt=full' or 'lockdown=integrity'
#     --net             user-mode network; this machine's loopback is 10.0.2.2 in the guest
#     --forward A:P     the same, and what connects to A:P here reaches port P of the guest
#     -w, --warm        resume a guest saved after its boot: one second instead of five
#     --prep PREP       the same, saved after PREP/prep.sh ran in it (a directory like DIR, at /prep there)
#     --icount          virtual time counts guest instructions, 1 ns each: for measurements
#   exit status: COMMAND's; 122 a need is missing; 124 time-out; 125 the guest could not be started or died
# usage: tools/vm/vmlab.sh image [KERNEL]...   fetches and builds, so that later runs need no network
#
# Everything is kept in VMLAB_CACHE (default ~/.cache/vmlab). Delete that to get newer packages.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "$(readlink -f "$0")")/common.sh"
# shellcheck source=packages.sh
. "$VM_DIR/packages.sh"
# shellcheck source=image.sh
. "$VM_DIR/image.sh"
# shellcheck source=guest.sh
. "$VM_DIR/guest.sh"

usage() {
  sed -n '5,/^set /s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

kernel=6.1 timeout=120 memory=1024 cpus=1 lsm=lockdown,yama,apparmor,bpf append='' net='' forward='' icount='' needs=''

run() {
  local out='' warm='' prep='' saved=''
  while [ $# -gt 0 ]; do
    case $1 in
      --kernel | --timeout | --memory | --cpus | --out | --needs | --lsm | --append | --prep | --forward)
        [ $# -ge 2 ] || die "$1 needs a value"
        printf -v "${1#--}" %s "$2"
        shift
        ;;
      --no-bpf-lsm) lsm=lockdown,yama,apparmor ;;
      --net) net=1 ;;
      --icount) icount=1 ;;
      -w | --warm) warm=1 ;;
      --) shift; break ;;
      -*) die "unknown option $1 (tools/vm/vmlab.sh shows the usage)" ;;
      *) break ;;
    esac
    shift
  done
  [ -z "$forward" ] || net=1
  [ -d "${1:-}" ] || die "no payload directory '${1:-}'"
  [ -z "$icount" ] || { [ "$cpus" = 1 ] && [ -z "$warm$prep" ]; } ||
    die "--icount goes with one CPU and a cold boot"
  mkdir -p "$VMLAB_CACHE"
  build_image "$kernel"
  [ -z "$warm$prep" ] || saved_guest "$prep"
  run_guest "$1" "${2:-./run.sh}" "$out" "$saved"
  exit "$status"
}

case ${1:-} in
  run) shift; run "$@" ;;
  image)
    shift
    mkdir -p "$VMLAB_CACHE"
    for wanted in "${@:-6.1}"; do build_image "$wanted"; done
    ;;
  *) usage ;;
esac
