#!/bin/bash
# node-2: containerd and a kubelet, until the tests outside close their connection.
set -eu
. ./node_config.sh
finish() {
  local status=$?
  cp -rL /tmp/*.log /var/log/varmor /var/log/pods "$RESULTS/" 2>/dev/null || true
  [ $status = 0 ] || tail -n 5 /tmp/*.log
}
trap finish EXIT
# The tests wait for this before anything else, and fail when it ends.
exec 3<>/dev/tcp/10.0.2.2/7000
hostname node-2
modprobe veth
# Pods have addresses of the network that qemu makes, which asks who has them.
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv4/conf/eth0/proxy_arp
echo 0 >/proc/sys/net/ipv4/neigh/eth0/proxy_delay
mkdir -p /tmp/cni /var/lib/containerd /var/lib/kubelet/seccomp /var/lib/varmor /var/log/varmor
mount -t tmpfs tmpfs /var/lib/containerd
cni_config '{"subnet": "10.0.2.0/24", "rangeStart": "10.0.2.100", "rangeEnd": "10.0.2.199", "gateway": "10.0.2.99"}' \
  >/tmp/cni/10-node.conflist
containerd_config /tmp/cni "$PWD/bin" >/tmp/containerd.toml
containerd --config /tmp/containerd.toml >/tmp/containerd.log 2>&1 &
until ctr version >/dev/null 2>&1; do
  kill -0 $!
  sleep 0.2
done
for image in pause busybox agent; do ctr -n k8s.io images import $image.tar; done
kubelet_config 10350 "$PWD/pki/ca.crt" >/tmp/kubelet.yaml
# shellcheck disable=SC2046
kubelet --config=/tmp/kubelet.yaml --kubeconfig=kubeconfig $(kubelet_flags node-2 10.0.2.15) \
  --register-with-taints=guest=yes:NoSchedule >/tmp/kubelet.log 2>&1 &
echo "node-2: kubelet started at $(cut -d ' ' -f 1 /proc/uptime) s"
read -r _ <&3 || true
