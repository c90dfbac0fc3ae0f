# shellcheck shell=bash
# Fetches Debian packages into the cache and unpacks them there. Nothing is installed on this machine,
# and the machine's own apt state is only read: every suite has its own lists and cache.
# Sourced by the other scripts.
#
#   $VMLAB_CACHE/kernels/K/    debs/ tree/ vmlinuz version      K is 5.10, 6.1, 6.12 or 7
#   $VMLAB_CACHE/userland/     debs/ tree/                      what the guest runs, from bookworm
#   $VMLAB_CACHE/containerd/   debs/ tree/                      containerd 1.7, from trixie, for suites that want NRI
#   $VMLAB_CACHE/containerd-2/ debs/ tree/                      containerd 2, from forky

# shellcheck source=debian_mirror.sh
. "$VM_DIR/debian_mirror.sh"

KERNELS="5.10 6.1 6.12 7"
USERLAND="apparmor runc crun libyajl2 bpftool"

# suites_of KERNEL: the apt lines of the Debian release that carries it.
suites_of() {
  local base
  base=$(debian_mirror) || die "the packages of the guest come from Debian"
  case $1 in
    5.10) echo "$base-security bullseye-security" ;;
    6.1 | userland) printf '%s\n' "$base bookworm" "$base-security bookworm-security" ;;
    6.12 | containerd) printf '%s\n' "$base trixie" "$base-security trixie-security" ;;
    containerd-2) echo "$base forky" ;;
    7) echo "$base sid" ;;
    *) die "no kernel '$1': choose one of $KERNELS" ;;
  esac
}

# private_apt NAME COMMAND...: apt with the sources of NAME, and with state of its own.
private_apt() {
  local state=$VMLAB_CACHE/apt/$1 tool=$2
  shift 2
  "$tool" -oDir::Etc::sourcelist="$state/sources.list" -oDir::Etc::sourceparts=/dev/null \
    -oDir::State::lists="$state/lists" -oDir::Cache="$state/cache" -oDir::State::status=/dev/null \
    -oAPT::Sandbox::User=root -oAPT::Architecture=amd64 -oAPT::Architectures::=amd64 \
    -oAcquire::Languages=none -oAcquire::Retries=3 "$@"
}

update_lists() {
  local state=$VMLAB_CACHE/apt/$1 keys=/usr/share/keyrings/debian-archive-keyring.gpg
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
  suites_of "$1" | sed "s#^#deb [signed-by=$keys] #; s#\$# main#" >"$state/sources.list"
  private_apt "$1" apt-get -q update >"$state/update.log" 2>&1 ||
    { cat "$state/update.log" >&2; die "the package lists for $1 could not be fetched"; }
}

# download NAME DIR PACKAGE...: fetches the packages and unpacks them into DIR/tree.
download() {
  local name=$1 dir=$2 deb
  shift 2
  rm -rf "$dir/debs" "$dir/tree"
  mkdir -p "$dir/debs" "$dir/tree"
  (cd "$dir/debs" && private_apt "$name" apt-get -qq download "$@") ||
    die "could not download $* for $name"
  for deb in "$dir"/debs/*.deb; do dpkg-deb -x "$deb" "$dir/tree"; done
}

# dependencies NAME PACKAGE PATTERN: those dependencies of PACKAGE that match.
dependencies() {
  private_apt "$1" apt-cache depends "$2" | sed -nE 's/^ *Depends: ([^ ]+)$/\1/p' | grep -E "$3" || true
}

# fetch_kernel KERNEL: the newest cloud kernel of its release. Since 7 the image package is a shell around
# two others, and the kernel lies beside its modules.
fetch_kernel_locked() {
  local kernel=$1 dir=$VMLAB_CACHE/kernels/$1 image parts modules
  [ ! -s "$dir/version" ] || return 0
  say "fetching kernel $kernel (once; kept in $dir)"
  update_lists "$kernel"
  image=$(dependencies "$kernel" linux-image-cloud-amd64 '^linux-image-[0-9]' | sed -n 1p)
  [ -n "$image" ] || die "Debian's suite for $kernel has no linux-image-cloud-amd64"
  parts=$(dependencies "$kernel" "$image" '^linux-(binary|modules)-')
  # shellcheck disable=SC2086
  download "$kernel" "$dir" "$image" $parts
  modules=$(find "$dir/tree" -path '*lib/modules/*' -prune -print -quit)
  [ -n "$modules" ] || die "$image has no modules directory"
  ln -sfn "$modules" "$dir/modules"
  find "$dir/tree" -name 'vmlinuz*' -type f -exec cp {} "$dir/vmlinuz" \; -quit
  [ -s "$dir/vmlinuz" ] || die "$image has no vmlinuz"
  basename "$modules" >"$dir/version"
}
fetch_kernel() {
  suites_of "$1" >/dev/null
  with_lock "kernel-$1" fetch_kernel_locked "$1"
}

# fetch_programs NAME PACKAGES: the packages, unpacked in the cache.
fetch_programs_locked() {
  local name=$1 packages=$2 dir=$VMLAB_CACHE/$1
  [ "$(cat "$dir/packages" 2>/dev/null)" != "$packages" ] || return 0
  say "fetching $packages (once; kept in $dir)"
  update_lists "$name"
  # shellcheck disable=SC2086
  download "$name" "$dir" $packages
  echo "$packages" >"$dir/packages"
}
fetch_userland() { with_lock userland fetch_programs_locked userland "$USERLAND"; }
# fetch_containerd NAME: containerd or containerd-2. They need a C library of 2.34 or later, which this machine's is
# that the payload brings along.
fetch_containerd() { with_lock "$1" fetch_programs_locked "$1" containerd; }
