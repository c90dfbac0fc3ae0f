#!/bin/bash
# Runs a command in the namespaces of the node that tools/kube/node_up.sh started over DIR, with the
# variables of DIR/env.
#
# usage: tools/kube/node_exec.sh DIR COMMAND [ARG]...
#     tools/kube/node_exec.sh DIR ctr -n k8s.io images import x.tar
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "$(readlink -f "$0")")/common.sh"
[ $# -ge 2 ] || { sed -n '5,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
dir=$(realpath "$1")
shift
pid=$(node_pid "$dir") || { echo "kube node: there is none over $dir" >&2; exit 1; }
set -a
# shellcheck disable=SC1091
. "$dir/env"
PATH=$KUBE_BIN:$PATH
set +a
exec nsenter -t "$pid" -m -n -p --wd="$PWD" -- "$@"
