# shellcheck shell=bash
# What a node's containerd and kubelet are told: here and in the guest of tools/vm/run cluster. Sourced.

# containerd_config CNI_CONFIGURATIONS CNI_PROGRAMS: to standard output. The arguments are directories.
containerd_config() {
  cat <<END
version = 2
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$2"
    conf_dir = "$1"
END
}

# cni_config RANGE: pods have addresses of RANGE, JSON of the plugin host-local, and a route to everywhere.
cni_config() {
  cat <<END
{"cniVersion": "0.4.0", "name": "node", "plugins": [{"type": "ptp",
 "ipam": {"type": "host-local", "ranges": [[$1]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
END
}

# kubelet_config PORT CA
kubelet_config() {
  cat <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 0.0.0.0
port: $1
readOnlyPort: 0
healthzPort: 0
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $2}}
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
makeIPTablesUtilChains: false
failSwapOn: false
resolvConf: ""
evictionHard: {memory.available: 1Mi, nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%"}
syncFrequency: 5s
END
}

# kubelet_flags NAME ADDRESS: of the node.
kubelet_flags() {
  echo "--hostname-override=$1 --node-ip=$2 --container-runtime=remote" \
    --container-runtime-endpoint=unix:///run/containerd/containerd.sock
}
