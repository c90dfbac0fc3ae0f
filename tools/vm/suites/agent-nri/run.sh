#!/bin/sh
# varmor-agent as a plugin of containerd's NRI: containerd asks before the program of a pod's container runs.
. ./checks.sh
. ./containerd.sh
policies=/tmp/policies
. ./policies.sh
mkdir -p $policies /tmp/logs /tmp/cni
agent_log=/tmp/logs/agent violations=/tmp/logs/violations

start_agent() {
  varmor-agent --policy-dir $policies --runtimeSocket "$socket" --enableMetrics --checkInterval 5s "$@" \
    >>$violations 2>>$agent_log &
  agent=$!
  eventually 120 status_has '^ready'
}
stop_agent() {
  kill "-$1" $agent
  wait $agent 2>/dev/null
}
status_has() { varmor agent status >/tmp/status; grep -q -e "$1" /tmp/status; }
says_status() {
  eventually 60 status_has "$2"
  status_result=$?
  ok $status_result "$1"
  [ $status_result = 0 ] || cat /tmp/status
}
# start_containers POD ID NAMES: one after the other; their first act is the forbidden one. The last one's id is in $id.
start_containers() {
  cri_pod "$socket" start "$1" "$2" "$3" $image /bin/sh -c \
    'cat /etc/shadow >/dev/null 2>&1; echo $? >/tmp/rc; exec sleep 1000000' >/tmp/ids
  start_status=$?
  id=$(tail -n 1 /tmp/ids)
  return $start_status
}
pid_of() { ctr -n k8s.io task ls | awk -v id="$1" '$1 == id {print $2}'; }
# first_act ID: the exit status of it, once it is known.
first_act() {
  act_file=/proc/$(pid_of "$1")/root/tmp/rc
  eventually 20 test -s "$act_file"
  cat "$act_file"
}
# count_denied NAME: of 20 containers, how many could not do it, in $denied.
count_denied() {
  denied=0
  start_containers web "$pod" "$(for turn in $(seq 20); do printf '%s,' "$1$turn"; done)" || return 1
  for one in $(cat /tmp/ids); do
    [ "$(first_act "$one")" != 1 ] || denied=$((denied + 1))
  done
}

export BUSYBOX=/bin/busybox
[ -x $BUSYBOX ] || BUSYBOX=$(command -v busybox)
containerd_dir=/run/containerd-test socket=/run/containerd-test/containerd.sock
mkdir -p $containerd_dir
version=$(containerd --version | cut -d ' ' -f 3)
echo "containerd $version"
# The guest is slow: containerd's own patience is 2 s with a plugin, and 5 s with a shim that it finds at its
# start and takes for a leftover after that.
cat >$containerd_dir/config.toml <<TOML
root = "$containerd_dir/root"
state = "$containerd_dir/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.blockfile", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
TOML
case $version in
  1.*) cat >>$containerd_dir/config.toml <<TOML ;;
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$image"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/tmp/cni"
    conf_dir = "/tmp/cni"
[plugins."io.containerd.nri.v1.nri"]
  disable = false
TOML
  # NRI is on when nothing is said.
  *) cat >>$containerd_dir/config.toml <<TOML ;;
version = 3
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "$image"
[plugins."io.containerd.cri.v1.runtime"]
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/tmp/cni"]
    conf_dir = "/tmp/cni"
[plugins."io.containerd.nri.v1.nri"]
TOML
esac
cat >>$containerd_dir/config.toml <<TOML
  plugin_request_timeout = "8s"
[grpc]
  address = "$socket"
[ttrpc]
  address = "$socket.ttrpc"
[timeouts]
  "io.containerd.timeout.shim.load" = "60s"
  "io.containerd.timeout.task.state" = "30s"
TOML
run_containerd || finish
export IMAGE_NAMESPACE=k8s.io IMAGE_COMMAND='["/bin/sleep","1000000"]'
expect_ok "an image, of which the pods' sandboxes are too" import_busybox
# The image is known to containerd's CRI a moment after it is imported.
eventually 20 sh -c "cri_pod $socket run web app=web >/tmp/pod"
ok $? "a pod"
pod=$(cat /tmp/pod)

policy web.yaml web BPF "$shadow"

part_first_acts() {
  expect_ok "a container from before the agent" start_containers web "$pod" before
  before=$id
  [ "$(first_act "$before")" = 0 ]
  ok $? "before: its first act is not denied"
  start_agent
  ok $? "the agent becomes ready"
  says_status "containerd has taken it" "^NRI: registered with containerd $version"
  says_status "before: confined" "^  k8s.io/$before before: varmor-vm-web BPF=ok, confined found running"
  expect_ok "20 containers" count_denied with
  [ $denied = 20 ]
  ok $? "the first act of all 20 is denied ($denied)"
  says_status "all 20 were ready when they started" '^NRI: .*; starts: 20 ready, 0 unconfined, 0 refused'
  [ "$(grep -c ' with[0-9]*: varmor-vm-web BPF=ok, confined before its program' /tmp/status)" = 20 ]
  ok $? "and confined before their programs"
  curl -s http://127.0.0.1:9581/metrics | grep -E '^varmor_(nri|containers_enrolled_total|container_attach_seconds_(sum|count))' | tee /tmp/metrics
  grep -q '^varmor_nri_registered 1$' /tmp/metrics && grep -q '^varmor_nri_starts_total{result="ready"} 20$' /tmp/metrics
  ok $? "metrics say the same"
  expect_ok "a container outside of pods, which containerd does not ask about" \
    ctr -n k8s.io run --null-io -d $image outside /bin/sleep 1000
  says_status "outside: not asked about" '^NRI: .*; starts: 20 ready'
  expect_ok "outside: removed" remove_container k8s.io outside
  stop_agent TERM
}

# A race, whose outcome is only told: by name alone.
part_without() {
  start_agent --nriSocket=
  says_status "without: told" '^NRI: not used$'
  expect_ok "without: 20 containers" count_denied without
  echo "  without NRI: the first act of $denied of 20 is denied"
  stop_agent TERM
}

part_agent_gone() {
  start_agent
  says_status "gone: registered" '^NRI: registered'
  stop_agent KILL
  expect_ok "gone: a container starts" start_containers web "$pod" meanwhile
  meanwhile=$id
  start_agent
  says_status "gone: the next agent confines it" "^  k8s.io/$meanwhile meanwhile: varmor-vm-web BPF=ok, confined found running"
  says_status "gone: and is registered" '^NRI: registered'
  kill -STOP $agent
  began=$(cut -d . -f 1 /proc/uptime)
  expect_ok "standing still: a container starts" start_containers web "$pod" late
  echo "  after $(($(cut -d . -f 1 /proc/uptime) - began)) s"
  kill -CONT $agent
  says_status "standing still: it is confined later" "^  k8s.io/$id late: varmor-vm-web BPF=ok, confined"
  says_status "standing still: containerd has taken the agent again" '^NRI: registered'
  grep -q 'NRI: containers start without being asked about' $agent_log
  ok $? "standing still: that it had not is told"
  stop_agent TERM
}

part_containerd_gone() {
  start_agent
  says_status "containerd: registered" '^NRI: registered'
  kill_containerd
  says_status "containerd killed: told" '^NRI: not registered: '
  run_containerd
  says_status "containerd is back: registered" '^NRI: registered'
  expect_ok "containerd is back: a container" start_containers web "$pod" back
  [ "$(first_act "$id")" = 1 ]
  ok $? "containerd is back: its first act is denied"
  stop_agent TERM
}

# What cannot be confined, since BPF is switched off.
part_fail_mode() {
  expect_ok "a pod that no policy is about" sh -c "cri_pod $socket run other app=other >/tmp/pod"
  other=$(cat /tmp/pod)
  start_agent --failMode closed --enforcers seccomp,apparmor
  says_status "closed: the policy has failed" 'web.yaml): failed'
  says_status "closed: registered" '^NRI: registered'
  expect_fail "closed: its container is not started" 'varmor-agent --failMode=closed: BPF: unsupported' \
    start_containers web "$pod" refused
  says_status "closed: told" '; starts: 0 ready, 0 unconfined, 1 refused'
  ! grep -q 'was killed' $agent_log
  ok $? "closed: and it is not killed besides"
  expect_ok "closed: a container that no policy is about starts" start_containers other "$other" other
  [ "$(first_act "$id")" = 0 ]
  ok $? "closed: and does what it wants"
  stop_agent TERM
  start_agent --failMode open --enforcers seccomp,apparmor
  says_status "open: registered" '^NRI: registered'
  expect_ok "open: its container is started" start_containers web "$pod" unconfined
  says_status "open: told" '; starts: 0 ready, 1 unconfined, 0 refused'
  grep -q 'unconfined) is started UNCONFINED: BPF: unsupported' $agent_log
  ok $? "open: and in the log"
  stop_agent TERM
  ok $? "the agent ends with 0"
  cri_pod "$socket" remove "$other"
}

# Those that are named, or all that check something.
for part in ${*:-first_acts agent_gone containerd_gone fail_mode}; do
  echo "== $part"
  part_"$part"
done
cp $agent_log $violations "$RESULTS/"
cp $containerd_dir/log "$RESULTS/containerd.log"
cri_pod "$socket" remove "$pod"
stop_containerd
tail -n 30 $agent_log | cut -c 1-200
finish
