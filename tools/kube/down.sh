#!/bin/bash
# Stops what tools/kube/up.sh started over DIR. The data stays.
#
# usage: tools/kube/down.sh DIR
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "$(readlink -f "$0")")/common.sh"
[ $# = 1 ] && [ -d "$1" ] || { echo "usage: tools/kube/down.sh DIR" >&2; exit 2; }
stop_now "$1/extensions.pid" apiextensions-apiserver
stop_now "$1/apiserver.pid" kube-apiserver
stop_now "$1/etcd.pid" etcd
