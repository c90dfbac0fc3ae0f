# shellcheck shell=bash
# Shared by the scripts of tools/vm: where the cache is, how a script gives up, one lock per thing built.
# Sourced, never run.

VMLAB_CACHE=${VMLAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vmlab}
VM_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export VMLAB_CACHE VM_DIR

die() {
  echo "vmlab: $*" >&2
  exit 125
}

say() { echo "vmlab: $*" >&2; }

# need PROGRAM PACKAGE...: every missing program is named at once.
need() {
  local missing=()
  while [ $# -gt 0 ]; do
    command -v "$1" >/dev/null || missing+=("$2")
    shift 2
  done
  [ ${#missing[@]} -eq 0 ] || die "not installed: ${missing[*]} (tools/setup.sh installs them)"
}

# with_lock NAME COMMAND...: one builder at a time; the others wait and then find the thing built.
# Call it as a statement of its own: in a condition, bash would ignore failures inside COMMAND.
with_lock() {
  local name=$1
  shift
  mkdir -p "$VMLAB_CACHE/locks"
  (
    flock 9
    "$@"
  ) 9>"$VMLAB_CACHE/locks/$name"
}
