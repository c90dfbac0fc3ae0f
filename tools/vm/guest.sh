# shellcheck shell=bash disable=SC2054,SC2154
# Runs guests: the payload disk, the qemu command line, saved guests. Sourced by vmlab.sh.
#
# What a guest is made of is in these variables, set by vmlab.sh:
#   kernel memory cpus lsm append net forward icount timeout needs

DISK=256M # of the payload and of the result disk; both are sparse files

# write_payload DIR COMMAND MAGIC FILE. The programs in DIR/bin bring their libraries along, in lib.
write_payload() {
  local extra program length
  extra=$(mktemp -d "$VMLAB_CACHE/payload.XXXXXX")
  mkdir "$extra/lib"
  printf '%s\n' "$2" >"$extra/.vm-command"
  printf '%s\n' "${needs//,/ }" >"$extra/.vm-needs"
  date +%s >"$extra/.vm-time"
  for program in "$1"/bin/*; do
    [ ! -f "$program" ] || libraries "$program"
  done | sort -u | sed '/^\/lib64\//d' | while read -r library; do
    case $library in
      missing:*) die "a program in $1/bin needs ${library#missing:}, which this machine does not have" ;;
    esac
    cp -L "$library" "$extra/lib/"
  done
  tar --owner=0 --group=0 -cf "$4.tar" -C "$1" . -C "$extra" lib .vm-command .vm-needs .vm-time
  length=$((($(stat -c %s "$4.tar") + 65535) / 65536))
  [ "$length" -lt 4095 ] || die "the payload is larger than $DISK"
  printf '%s %d\n' "$3" "$length" >"$4"
  truncate -s 64K "$4"
  cat "$4.tar" >>"$4"
  truncate -s "$DISK" "$4"
  rm -rf "$4.tar" "$extra"
}

# qemu_command ROOT SNAPSHOT PAYLOAD RESULTS WORDS: fills the array `command_line`. Everything in it must be
# the same when a guest is saved and when it is resumed.
qemu_command() {
  local image=$VMLAB_CACHE/images/$kernel accelerator=tcg words
  words="console=ttyS0 quiet panic=-1 lsm=$lsm mitigations=off nokaslr random.trust_cpu=on"
  # The kernel's test of the timer fails now and then when this machine is busy, and ends in a panic.
  words="$words no_timer_check"
  words="$words${append:+ $append}${net:+ vmlab.net}${5:+ $5}"
  [ -z "$icount" ] || { accelerator=tcg,thread=single words="$words tsc=reliable tsc_early_khz=1000000"; }
  command_line=(qemu-system-x86_64 -accel "$accelerator" -machine pc -cpu Nehalem
    -m "$memory" -smp "$cpus" -nodefaults -no-user-config -display none -no-reboot
    -kernel "$image/vmlinuz" -initrd "$image/initramfs.cpio" -append "$words"
    -drive "if=none,id=a,format=raw,snapshot=$2,file=$1" -device virtio-blk-pci,drive=a
    -drive "if=none,id=b,format=raw,readonly=on,file=$3" -device virtio-blk-pci,drive=b
    -drive "if=none,id=c,format=raw,cache=unsafe,file=$4" -device virtio-blk-pci,drive=c)
  [ -z "$net" ] || command_line+=(-netdev "user,id=n${forward:+,hostfwd=tcp:$forward-:${forward##*:}}"
    -device virtio-net-pci,netdev=n,romfile=)
  [ -z "$icount" ] || command_line+=(-icount shift=0,align=off,sleep=off)
}

# save_guest FILE KEY PREP: boots a guest that stops where it waits for its payload, and saves it there, as
# FILE.state and FILE.ext4. PREP may be empty.
save_guest() {
  local file=$1 work command_line
  [ "$(cat "$file.key" 2>/dev/null)" != "$2" ] || { touch "$file.key"; return 0; }
  say "saving a booted guest for kernel $kernel${3:+, prepared by $3} (once)"
  mkdir -p "${file%/*}"
  rm -f "$file".*
  prune_saved "${file%/*}"
  work=$(mktemp -d "$VMLAB_CACHE/save.XXXXXX")
  cp --sparse=always "$VMLAB_CACHE/images/$kernel/base.ext4" "$file.ext4"
  truncate -s "$DISK" "$work/payload" "$work/results"
  : >"$work/status"
  [ -z "$3" ] || write_payload "$3" ./prep.sh VMPREP "$work/payload"
  qemu_command "$file.ext4" off "$work/payload" "$work/results" vmlab.save
  {
    for _ in $(seq 1500); do
      ! grep -q 'READY\|RC=' "$work/status" || break
      sleep 0.2
    done
    if grep -q READY "$work/status"; then
      printf 'migrate_set_parameter max-bandwidth 8G\nmigrate "exec:cat >%s"\n' "$file.state"
    fi
    echo quit
  } | timeout -k 5 320 "${command_line[@]}" -serial "file:$work/console" -serial "file:$work/output" \
    -serial "file:$work/status" -monitor stdio >"$work/monitor" 2>&1 || true
  if [ ! -s "$file.state" ]; then
    cat "$work/console" "$work/output" >&2
    rm -rf "$work"
    die "the guest to be saved did not get ready"
  fi
  rm -rf "$work"
  echo "$2" >"$file.key"
}

# prune_saved DIR: the five saved guests used last stay. Each takes some 150 MB.
prune_saved() {
  local key
  { ls -t "$1"/*.key 2>/dev/null || true; } | tail -n +6 | while read -r key; do rm -f "${key%.key}".*; done
}

# saved_guest PREP: the file name of the saved guest, made if it is not there.
saved_guest() {
  local prep=$1 image_key name=ready key
  image_key=$(cat "$VMLAB_CACHE/images/$kernel/key")
  [ -z "$prep" ] || name=prep-$(cd "$prep" && find . -type f | sort | xargs -d '\n' sha256sum | sha256sum | cut -c1-12)
  key=$(printf '%s\n' "$image_key" "$name" "$memory" "$cpus" "$lsm" "$append" "$net" "$forward" "$needs" "$(cat "$VM_DIR/guest.sh")" |
    sha256sum | cut -c1-16)
  saved=$VMLAB_CACHE/saved/$kernel-$key
  with_lock "saved-$kernel-$key" save_guest "$saved" "$key" "$prep"
}

# run_guest DIR COMMAND OUT SAVED: the command's output is ours. Sets `status`.
run_guest() {
  local root=$VMLAB_CACHE/images/$kernel/base.ext4 resume=() ended=0 started=$SECONDS command_line
  work=$(mktemp -d "$VMLAB_CACHE/run.XXXXXX")
  trap 'stop_guest' EXIT
  trap 'exit 130' INT TERM HUP
  write_payload "$1" "$2" VMLAB "$work/payload"
  truncate -s "$DISK" "$work/results"
  : >"$work/status"
  if [ -n "$4" ]; then
    resume=(-incoming "exec:cat $4.state")
    root=$4.ext4
  fi
  qemu_command "$root" on "$work/payload" "$work/results" "${4:+vmlab.save}"
  timeout -k 5 "$timeout" "${command_line[@]}" -serial "file:$work/console" -serial stdio \
    -serial "file:$work/status" "${resume[@]}" </dev/null &
  qemu_pid=$!
  wait "$qemu_pid" || ended=$?
  qemu_pid=
  if [ -n "$3" ]; then
    mkdir -p "$3"
    cp "$work/console" "$3/console.log"
    tar -C "$3" --no-same-owner -xf "$work/results" 2>/dev/null || true
  fi
  status=$(sed -n 's/.*RC=\([0-9]*\).*/\1/p' "$work/status")
  # 137: `timeout` had to kill it after its five seconds of grace, or somebody else did, before.
  if [ "$ended" = 124 ] || { [ "$ended" = 137 ] && [ $((SECONDS - started)) -ge "$timeout" ]; }; then
    say "time-out after $timeout s; the end of the console:"
    tail -n 20 "$work/console" >&2
    status=124
  elif [ "$ended" = 137 ]; then
    say "qemu was killed by signal 9 after $((SECONDS - started)) s, perhaps since this machine has no memory left; the end of the console:"
    tail -n 20 "$work/console" >&2
    status=125
  elif [ -z "$status" ]; then
    say "the guest died; the end of its console:"
    tail -n 40 "$work/console" >&2
    status=125
  fi
}

stop_guest() {
  [ -z "${qemu_pid:-}" ] || kill "$qemu_pid" 2>/dev/null || true
  rm -rf "${work:?}"
}
