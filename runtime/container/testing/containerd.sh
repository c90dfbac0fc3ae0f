#!/bin/sh
# A containerd of its own for a test, with busybox as its only image. Needs root.
#
#   . containerd.sh; start_containerd DIR    $socket, and `ctr` speaks to it; image $image
#   stop_containerd
#
# Everything is below DIR. Its CRI plugin and others that ask for more than a test has are off.
image=varmor.test/busybox:latest

start_containerd() {
  containerd_dir=$1 socket=$1/containerd.sock
  mkdir -p "$containerd_dir"
  cat >"$containerd_dir/config.toml" <<TOML
version = 2
root = "$containerd_dir/root"
state = "$containerd_dir/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing", "io.containerd.internal.v1.opt"]
[grpc]
  address = "$socket"
[ttrpc]
  address = "$socket.ttrpc"
[timeouts]
  "io.containerd.timeout.shim.load" = "60s"
  "io.containerd.timeout.task.state" = "30s"
TOML
  run_containerd
}

# run_containerd: starts it, again after kill_containerd.
run_containerd() {
  containerd --config "$containerd_dir/config.toml" >>"$containerd_dir/log" 2>&1 &
  containerd_pid=$!
  containerd_tries=0
  until ctr version >/dev/null 2>&1; do
    containerd_tries=$((containerd_tries + 1))
    if [ $containerd_tries -gt 300 ]; then
      tail -n 20 "$containerd_dir/log" >&2
      echo "containerd did not start" >&2
      return 1
    fi
    sleep 0.1
  done
}

kill_containerd() {
  kill -KILL "$containerd_pid"
  wait "$containerd_pid" 2>/dev/null
}

ctr() { command ctr --address "$socket" "$@"; }

# import_busybox: an image made by hand, as `docker save` would. IMAGE_NAMESPACE is where it goes (default),
# IMAGE_COMMAND what it runs, a list in JSON (["/bin/sh"]).
import_busybox() {
  import_dir=$containerd_dir/image
  mkdir -p "$import_dir/layer/bin" "$import_dir/layer/tmp" "$import_dir/layer/etc" "$import_dir/layer/proc" \
    "$import_dir/layer/sys" "$import_dir/layer/dev"
  cp "${BUSYBOX:-/bin/busybox}" "$import_dir/layer/bin/busybox"
  for applet in sh cat echo sleep touch mkdir ls; do ln -sf busybox "$import_dir/layer/bin/$applet"; done
  echo 'root:x:0:0::/:/bin/sh' >"$import_dir/layer/etc/passwd"
  echo 'root:secret:1::::::' >"$import_dir/layer/etc/shadow"
  tar -C "$import_dir/layer" -cf "$import_dir/layer.tar" .
  digest=$(sha256sum "$import_dir/layer.tar" | cut -d ' ' -f 1)
  printf '{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":%s},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"history":[{"created_by":"test"}]}' \
    "${IMAGE_COMMAND:-[\"/bin/sh\"]}" "$digest" >"$import_dir/config.json"
  printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$image" >"$import_dir/manifest.json"
  tar -C "$import_dir" -cf "$import_dir.tar" manifest.json config.json layer.tar
  # ctr of containerd 2 lets containerd unpack, for one snapshotter of containerd's choice, unless told not to.
  import_local=$(ctr image import --help | sed -n 's/^ *\(--local\) .*/\1/p')
  # shellcheck disable=SC2086
  ctr -n "${IMAGE_NAMESPACE:-default}" image import $import_local --snapshotter "${SNAPSHOTTER:-overlayfs}" \
    "$import_dir.tar" >/dev/null
}

# remove_container NAMESPACE ID: whatever state it is in.
remove_container() {
  ctr -n "$1" task delete --force "$2" >/dev/null 2>&1
  ctr -n "$1" container delete "$2" >/dev/null 2>&1
}

stop_containerd() {
  for namespace in $(ctr namespace ls -q 2>/dev/null); do
    for id in $(ctr -n "$namespace" container ls -q 2>/dev/null); do remove_container "$namespace" "$id"; done
  done
  kill "$containerd_pid" 2>/dev/null
  wait "$containerd_pid" 2>/dev/null
}
