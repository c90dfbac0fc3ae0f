# shellcheck shell=bash
# Builds, for one kernel, what qemu boots: $VMLAB_CACHE/images/K/{vmlinuz,initramfs.cpio,base.ext4,key}.
# Sourced by vmlab.sh.

# In the order of their dependencies. A kernel may have some of them built in, or not know them.
BOOT_MODULES="virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk
  crc16 crc32c_generic libcrc32c mbcache jbd2 ext4"
# For modprobe in the guest.
GUEST_MODULES="overlay loop veth llc stp bridge failover net_failover virtio_net dummy"
# From this machine, whose Debian release is the guest's.
HOST_PROGRAMS="/usr/bin/bash /usr/bin/unshare /usr/bin/nsenter /usr/bin/setpriv /usr/bin/strace"

# libraries ELF: those it needs, the packages of the guest first. A static program needs none.
libraries() {
  { LD_LIBRARY_PATH=$VMLAB_CACHE/userland/tree/usr/lib/x86_64-linux-gnu ldd "$1" 2>/dev/null || true; } |
    awk '$3 ~ /^\// {print $3} $2 == "=>" && $3 == "not" {print "missing:" $1} $1 ~ /^\/lib/ {print $1}'
}

# add_program ROOT SOURCE TARGET: a program and its libraries.
add_program() {
  local library target
  [ -f "$2" ] || die "no $2 for the image"
  install -D -m755 "$2" "$1$3"
  libraries "$2" | while read -r library; do
    case $library in
      missing:*) die "$2 needs ${library#missing:}, which this machine does not have" ;;
      /lib64/*) target=/usr/lib64/${library##*/} ;;
      *) target=/usr/lib/x86_64-linux-gnu/${library##*/} ;;
    esac
    [ -e "$1$target" ] || install -D -m755 "$library" "$1$target"
  done
}

# add_module KERNEL NAME TARGET: unpacked, if the kernel has it as a module.
add_module() {
  local file
  file=$(find "$VMLAB_CACHE/kernels/$1/modules/" -name "$2.ko*" -print -quit)
  case $file in
    '') return 0 ;;
    *.ko) install -D -m644 "$file" "$3" ;;
    *.ko.xz) mkdir -p "$(dirname "$3")" && xz -dc "$file" >"$3" ;;
    *.ko.zst) mkdir -p "$(dirname "$3")" && zstd -dcq "$file" >"$3" ;;
    *) die "a module compressed in an unknown way: $file" ;;
  esac
}

build_initramfs() {
  local kernel=$1 work=$2 initramfs=$3 module loaded=()
  mkdir -p "$work"/{bin,proc,dev,mnt}
  cp /usr/bin/busybox "$work/bin/"
  for module in $BOOT_MODULES; do
    add_module "$kernel" "$module" "$work/$module.ko"
    [ ! -e "$work/$module.ko" ] || loaded+=("$module")
  done
  sed "s/@MODULES@/${loaded[*]}/" "$VM_DIR/guest/initramfs-init" >"$work/init"
  chmod +x "$work/init"
  (cd "$work" && find . | LC_ALL=C sort | cpio -o -H newc --quiet) >"$initramfs"
}

# busybox_links DIR: every applet that DIR does not have as a program of its own.
busybox_links() {
  local applet
  for applet in $(busybox --list); do
    case $applet in busybox | init) continue ;; esac
    [ -e "$1/$applet" ] || [ -e "$1/../sbin/$applet" ] || ln -s busybox "$1/$applet"
  done
}

build_root() {
  local kernel=$1 root=$2 tree=$VMLAB_CACHE/userland/tree program module
  local modules directory
  modules=/usr/lib/modules/$(cat "$VMLAB_CACHE/kernels/$kernel/version")
  mkdir -p "$root"/{usr/{bin,sbin,lib,lib64,share},boot,etc,proc,sys,dev,run,tmp,var/{lib,log,cache},root,payload,home,opt,mnt}
  for directory in bin sbin lib lib64; do ln -s "usr/$directory" "$root/$directory"; done
  ln -s /run "$root/var/run"
  ln -s /proc/mounts "$root/etc/mtab"
  cp /usr/bin/busybox "$root/usr/bin/"
  for program in /sbin/apparmor_parser /usr/bin/aa-exec /usr/sbin/aa-status /usr/sbin/runc /usr/bin/crun /usr/sbin/bpftool; do
    add_program "$root" "$tree$program" "/usr/${program#/usr}"
  done
  for program in $HOST_PROGRAMS; do
    [ ! -x "$program" ] || add_program "$root" "$program" "$program"
  done
  busybox_links "$root/usr/bin"
  cp -a "$tree/etc/apparmor" "$tree/etc/apparmor.d" "$root/etc/"
  cp -a "$tree/usr/share/apparmor-features" "$root/usr/share/"
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
  printf 'root:*:1::::::\n' >"$root/etc/shadow"
  chmod 640 "$root/etc/shadow"
  printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
  echo vmlab >"$root/etc/hostname"
  : >"$root/etc/resolv.conf"
  cp -L /etc/os-release "$root/etc/"
  find "$VMLAB_CACHE/kernels/$kernel/tree" -path '*/boot/config-*' -exec cp {} "$root/boot/config" \;
  for module in $GUEST_MODULES; do add_module "$kernel" "$module" "$root$modules/kernel/$module.ko"; done
  mkdir -p "$root$modules"
  find "$VMLAB_CACHE/kernels/$kernel/modules/" -maxdepth 1 \( -name 'modules.builtin*' -o -name modules.order \) \
    -exec cp {} "$root$modules/" \;
  busybox depmod -b "$root" "$(basename "$modules")"
  # The root file system of containers.
  mkdir -p "$root/opt/rootfs"/{bin,etc,proc,sys,dev,tmp,root}
  cp /usr/bin/busybox "$root/opt/rootfs/bin/"
  busybox_links "$root/opt/rootfs/bin"
  cp "$root"/etc/{passwd,group,shadow} "$root/opt/rootfs/etc/"
  install -m755 "$VM_DIR/guest/init" "$root/usr/sbin/guest-init"
  install -m755 "$VM_DIR/guest/needs" "$root/usr/sbin/vm-needs"
}

image_key() {
  {
    cat "$VM_DIR/image.sh" "$VM_DIR"/guest/{init,needs,initramfs-init}
    ls "$VMLAB_CACHE/kernels/$1/debs" "$VMLAB_CACHE/userland/debs"
    sha256sum /usr/bin/busybox /lib/x86_64-linux-gnu/libc.so.6
  } | sha256sum | cut -c1-16
}

build_image_locked() {
  local kernel=$1 dir=$VMLAB_CACHE/images/$1 key work
  key=$(image_key "$kernel")
  [ "$(cat "$dir/key" 2>/dev/null)" != "$key" ] || return 0
  say "building the image for kernel $kernel"
  work=$(mktemp -d "$VMLAB_CACHE/build.XXXXXX")
  mkdir -p "$work/image" "$VMLAB_CACHE/images"
  cp "$VMLAB_CACHE/kernels/$kernel/vmlinuz" "$work/image/vmlinuz"
  build_initramfs "$kernel" "$work/initramfs" "$work/image/initramfs.cpio"
  build_root "$kernel" "$work/root"
  mke2fs -q -t ext4 -O ^has_journal -m 0 -E root_owner=0:0 -d "$work/root" "$work/image/base.ext4" 512M >/dev/null
  echo "$key" >"$work/image/key"
  # A guest that runs keeps the files that it has open.
  rm -rf "$dir"
  mv "$work/image" "$dir"
  rm -rf "$work"
}

build_image() {
  need qemu-system-x86_64 qemu-system-x86 busybox busybox-static cpio cpio mke2fs e2fsprogs \
    ldd libc-bin flock util-linux lz4 lz4 zstd zstd xz xz-utils
  [ "$(id -u)" = 0 ] || die "run as root: the files of the image have to belong to root"
  # What killed runs have left.
  find "$VMLAB_CACHE" -maxdepth 1 -name '*.??????' -mmin +600 -exec rm -rf {} +
  fetch_kernel "$1"
  fetch_userland
  with_lock "image-$1" build_image_locked "$1"
}
