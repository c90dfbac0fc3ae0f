#!/bin/bash
# Starts a whole cluster of one node on this machine: API server, controller manager, scheduler,
# containerd and kubelet. They have a mount, a network and a process namespace of their own, where
# /var/lib/kubelet, /run/containerd and the like are in DIR; the machine sees the processes and their
# cgroups, and empty directories where it had none. Needs root, and the packages of tools/setup.sh.
#
# usage: tools/kube/node_up.sh DIR          tools/kube/node_down.sh DIR ends and forgets it
#        tools/kube/node_exec.sh DIR COMMAND [ARG]...   runs something inside
#
# DIR/env is up.sh's, with KUBE_NODE_PID, the process whose namespaces they are. Images: the node has
# localhost/busybox:1 and localhost/pause:1; make_image.sh makes more. The API server is also at
# 10.0.0.1:443, where pods look for it; other addresses of services lead nowhere, and there are no
# names of services. The node's address is 172.30.0.1.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=common.sh
. "$here/common.sh"
# shellcheck source=node_config.sh
. "$here/node_config.sh"
say() { echo "kube node: $*" >&2; }
die() { say "$*"; exit 1; }

# Everything below happens inside the namespaces, and is started by what follows after it.

# own PATH [NAME]: an empty directory of the node's instead of the machine's.
own() {
  mkdir -p "$dir/node/${2:-${1//\//_}}" "$1"
  mount --bind "$dir/node/${2:-${1//\//_}}" "$1"
}

set_up_mounts() {
  local path
  mount --make-rshared /
  # kubelet and containerd ask which machine they are on; all else is the node's own.
  for path in /var/lib/kubelet /var/lib/containerd /run/containerd /var/log/pods /var/log/containers \
    /var/lib/cni /run/netns /run/varmor /var/lib/varmor /var/log/varmor; do
    own "$path"
  done
  # The API server asks the kubelet for logs by the node's name.
  cp /etc/hosts node/hosts
  echo 172.30.0.1 node-1 >>node/hosts
  mount --bind node/hosts /etc/hosts
  # Pods get mounts of volumes only when this is shared.
  mount --make-rshared /var/lib/kubelet
  mkdir -p /var/lib/kubelet/seccomp
}

set_up_network() {
  ip link set lo up
  ip addr add 10.0.0.1/32 dev lo
  # A node needs an address that is not the loopback's, and a way that leads nowhere.
  ip link add node0 type veth peer name nowhere0
  ip addr add 172.30.0.1/24 dev node0
  ip link set node0 up
  ip link set nowhere0 up
  ip route add default via 172.30.0.2 dev node0
  echo 1 >/proc/sys/net/ipv4/ip_forward
}

# in_background NAME COMMAND...
in_background() {
  setsid "${@:2}" >>"log/$1.log" 2>&1 </dev/null &
  echo $! >"$1.pid"
}

start_control_plane() {
  "$here/up.sh" --node "$dir"
  in_background kube-controller-manager "$bin/kube-controller-manager" --kubeconfig=kubeconfig --leader-elect=false \
    --bind-address=127.0.0.1 --port=0 --cert-dir=pki --use-service-account-credentials=false \
    --service-account-private-key-file=pki/service-account.key --root-ca-file=pki/ca.crt \
    --controllers=deployment,replicaset,daemonset,statefulset,job,namespace,garbagecollector,podgc \
    --controllers=serviceaccount,serviceaccount-token,root-ca-cert-publisher,endpoint,endpointslice
  in_background kube-scheduler "$bin/kube-scheduler" --kubeconfig=kubeconfig --leader-elect=false \
    --bind-address=127.0.0.1 --port=0 --cert-dir=pki
}

start_containerd() {
  mkdir -p cni
  cni_config '{"subnet": "10.1.0.0/16"}' >cni/10-node.conflist
  containerd_config "$dir/cni" /usr/lib/cni >containerd.toml
  in_background containerd containerd --config containerd.toml
  wait_for "containerd" 30 ctr version
}

import_images() {
  local root=$dir/node/busybox applet
  mkdir -p "$root"/{bin,etc,tmp,proc,sys,dev,var}
  cp /bin/busybox "$root/bin/busybox"
  for applet in $(/bin/busybox --list); do
    [ "$applet" = busybox ] || ln -sf busybox "$root/bin/$applet"
  done
  echo root:x:0:0::/:/bin/sh >"$root/etc/passwd"
  "$here/make_image.sh" localhost/pause:1 "$root" node/pause.tar sleep 1000000000
  "$here/make_image.sh" localhost/busybox:1 "$root" node/busybox.tar
  ctr -n k8s.io images import node/pause.tar >/dev/null
  ctr -n k8s.io images import node/busybox.tar >/dev/null
}

start_kubelet() {
  kubelet_config 10250 pki/ca.crt >kubelet.yaml
  # shellcheck disable=SC2046
  in_background kubelet "$bin/kubelet" --config=kubelet.yaml --kubeconfig=kubeconfig $(kubelet_flags node-1 172.30.0.1)
}

# wait_for WHAT SECONDS COMMAND...
wait_for() {
  local deadline=$((SECONDS + $2))
  until "${@:3}" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || die "$1 was not ready in $2 s; see $dir/log"
    sleep 0.2
  done
}

node_is_ready() { "$bin/kubectl" --kubeconfig=kubeconfig wait --for=condition=Ready --timeout=5s node/node-1; }

inside() {
  set_up_mounts
  set_up_network
  start_control_plane
  start_containerd
  import_images
  start_kubelet
  wait_for "the node" 120 node_is_ready
  wait_for "the service account" 60 "$bin/kubectl" --kubeconfig=kubeconfig get serviceaccount default
}

if [ "${1:-}" = --inside ]; then
  dir=$2 bin=$3
  cd "$dir"
  inside
  exit
fi

[ $# = 1 ] || { sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '$d' >&2; exit 2; }
[ "$(id -u)" = 0 ] || die "this needs root"
bin=$("$here/build.sh")
for program in containerd ctr runc ip nsenter /usr/lib/cni/ptp /bin/busybox; do
  command -v "$program" >/dev/null || die "$program is missing; tools/setup.sh installs it"
done
mkdir -p "$1"/{log,node}
dir=$(realpath "$1")
! node_pid "$dir" >/dev/null || die "a node runs over $dir already; tools/kube/node_down.sh ends it"
started=$SECONDS
# The first process of the namespace, which takes in orphans. When it dies, all inside die.
setsid unshare --mount --net --pid --fork --mount-proc --propagation private \
  bash -c 'while :; do sleep 3600 & wait; done' varmor-kube-node "$dir" >"$dir/log/node.log" 2>&1 </dev/null &
wait_for "a namespace" 10 node_pid "$dir"
pid=$(node_pid "$dir")
nsenter -t "$pid" -m -n -p -- "$(readlink -f "$0")" --inside "$dir" "$bin" ||
  { "$here/node_down.sh" "$dir"; die "the cluster did not start; see $dir/log"; }
echo "KUBE_NODE_PID=$pid" >>"$dir/env"
say "ready after $((SECONDS - started)) s, in $dir"
