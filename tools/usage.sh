# Sourced by the scripts beside it, first of all: -h and --help print the script's comment from its
# "usage:" on and do nothing else. `misused` is for arguments that it does not know.
usage() { sed -n '/^# usage:/,/^[^#]/s/^# \{0,1\}//p' "$0"; }
misused() {
  usage >&2
  exit 2
}
case "${1:-}" in
  -h | --help)
    usage
    exit 0
    ;;
esac
