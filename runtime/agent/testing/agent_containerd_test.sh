#!/bin/bash
# varmor-agent with a real containerd on a machine without AppArmor and BPF LSM, as most developers' are: seccomp
# works, and what is missing is said. The guest's suite "agent" is for the others. Needs root.
#
# usage: agent_containerd_test.sh [DIRECTORY-OF-PROGRAMS]
set -u
here=$(dirname "$(readlink -f "$0")")
programs=${1:-$here/..}
for place in "$here/../../container/testing" "$here"; do
  # shellcheck source=../../container/testing/containerd.sh
  [ ! -f "$place/containerd.sh" ] || . "$place/containerd.sh"
done
failed=0 agent=
dir=$(mktemp -d /run/varmor-agent-test.XXXXXX)
policies=$dir/policies
agent_socket=$dir/agent.sock
mkdir "$policies"
leave() {
  [ -z "$agent" ] || kill "$agent" 2>/dev/null
  stop_containerd
  rm -rf "$dir"
}
trap leave EXIT
ok() {
  if [ "$1" = 0 ]; then
    echo "ok   $2"
  else
    echo "FAIL $2"
    failed=$((failed + 1))
  fi
}
has() {
  grep -qE -e "$3" "$2"
  ok $? "$1"
  grep -qE -e "$3" "$2" || tail -n 20 "$2"
}
eventually() {
  for _ in $(seq 150); do
    if "$@"; then return 0; fi
    sleep 0.2
  done
  return 1
}
status() {
  python3 - "$agent_socket" <<'PY'
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b'{"command": "status"}\n')
data = b''
while not data.endswith(b'\n'):
    data += s.recv(65536) or b'\n'
print(json.dumps(json.loads(data), indent=0))
PY
}
says() {
  says_what=$1
  for _ in $(seq 100); do
    status >"$dir/status" 2>/dev/null
    if grep -qE -e "$2" "$dir/status"; then break; fi
    sleep 0.2
  done
  has "$says_what" "$dir/status" "$2"
}
start_agent() {
  "$programs/varmor-agent" --policy-dir "$policies" --runtimeSocket "$socket" --stateDir "$dir/state" \
    --socket "$agent_socket" --readinessPort 19580 --bpfDir "$dir/bpf" "$@" >"$dir/violations" 2>>"$dir/log" &
  agent=$!
}

[ "$(id -u)" = 0 ] || { echo "needs root"; exit 1; }
if grep -qE 'bpf|apparmor' /sys/kernel/security/lsm 2>/dev/null; then
  echo "skipped: this machine has $(cat /sys/kernel/security/lsm); the guest's suite is for it"
  # Counted as that, and not as passed.
  echo '<testsuites><testsuite name="agent"><testcase name="containerd"><skipped/></testcase></testsuite></testsuites>' \
    >"${XML_OUTPUT_FILE:-/dev/null}"
  exit 0
fi
start_containerd "$dir/containerd" || exit 1
export SNAPSHOTTER=native
import_busybox || exit 1

start_agent --enforcers bpf,apparmor
wait $agent
ok "$((1 - $?))" "without any enforcer the agent ends with 1"
has "and says why" "$dir/log" 'no enforcer can be used on this node'
has "for AppArmor" "$dir/log" 'AppArmor: this kernel has no AppArmor'

cat >"$policies/web.yaml" <<'YAML'
apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: web, namespace: test}
spec:
  target: {kind: Pod, selector: {matchLabels: {app: web}}}
  policy:
    enforcer: BPFSeccomp
    mode: EnhanceProtect
    enhanceProtect:
      syscallRawRules: [{names: [mkdir, mkdirat], action: SCMP_ACT_ERRNO}]
YAML
start_agent
profile=$dir/state/seccomp-profiles/varmor-test-web
eventually test -s "$profile"
ok $? "the seccomp profile is there"
run=(ctr run --snapshotter native --null-io -d --label app=web)
"${run[@]}" --seccomp --seccomp-profile "$profile" $image with /bin/sh -c 'mkdir /tmp/x; echo $? >/tmp/rc; exec sleep 300'
# It calls itself as a runtime's waiting process is called.
"${run[@]}" $image without /bin/sh -c "printf 'runc:[2:INIT]' >/proc/self/comm; while :; do sleep 1; done"
pid=$(ctr task ls | awk '$1 == "with" {print $2}')
eventually test -s "/proc/$pid/root/tmp/rc"
ok "$((1 - $(cat "/proc/$pid/root/tmp/rc")))" "a container with the profile: mkdir is denied"
says "the policy has failed, and why" 'unsupported: BPF: '
says "the container without a filter is told" 'it was started without a seccomp profile'
says "containerd is watched" '"watching": true'
curl -sf http://127.0.0.1:19580/health/readiness >/dev/null
ok $? "ready"
# Another one, of whose options only those differ that a person would think of.
"$programs/varmor-agent" --policy-dir "$policies" --runtimeSocket "$socket" --stateDir "$dir/state" \
  --socket "$dir/other.sock" --readinessPort 19582 --bpfDir "$dir/bpf" >"$dir/other" 2>&1
ok "$((1 - $?))" "a second agent with the same state ends with 1"
has "and says why" "$dir/other" 'another agent works with ".*/state"'
kill -STOP "$containerd_pid"
says "a containerd that hangs is not watched" '"watching": false'
says "nor is the agent ready" '"notReady": "the container runtime is not watched: '
[ "$(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:19580/health/readiness)" = 503 ]
ok $? "readiness tells"
[ "$(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:19580/health/liveness)" = 200 ]
ok $? "liveness does not"
kill -CONT "$containerd_pid"
says "it is watched again" '"watching": true'
kill -KILL $agent
wait $agent 2>/dev/null
eventually grep -q 'runc:.2:INIT' "/proc/$(ctr task ls | awk '$1 == "without" {print $2}')/comm"
ok $? "the other has the name of a process that waits"
rm "$dir/status"
start_agent
says "an agent that only finds it tells the same" 'it was started without a seccomp profile'
kill -KILL $agent
wait $agent 2>/dev/null
rm "$policies/web.yaml"
start_agent
eventually test ! -e "$profile"
ok $? "the next agent removes what no policy wants and no container names"
kill $agent
wait $agent
ok $? "it ends with 0"
agent=
echo "$failed failed"
[ $failed = 0 ]
