#!/bin/sh
# varmor-agent alone on a machine, with a real containerd, AppArmor, BPF and seccomp.
. ./checks.sh
. ./containerd.sh
policies=/tmp/policies
. ./policies.sh
mkdir -p $policies /tmp/logs
agent_log=/tmp/logs/agent violations=/tmp/logs/violations agent_program=varmor-agent

start_agent() {
  # shellcheck disable=SC2086
  $agent_program --policy-dir $policies --runtimeSocket "$socket" --enableMetrics --checkInterval 5s "$@" \
    >>$violations 2>>$agent_log &
  agent=$!
  eventually 120 sh -c "varmor agent status | grep -q '^ready'"
}
stop_agent() {
  kill "-$1" $agent
  wait $agent 2>/dev/null
}
# in_container NAME: what the container wrote to /tmp/rc.
in_container() { cat "/proc/$(pid_of "$1")/root/tmp/rc" 2>/dev/null; }
pid_of() { ctr task ls | awk -v id="$1" '$1 == id {print $2}'; }
# try_in NAME COMMAND: executes it in the container.
try_in() {
  tries=$((${tries:-0} + 1))
  ctr task exec --exec-id "try$tries-$(tr -d ' .' </proc/uptime)" "$1" /bin/sh -c "$2"
}
status_has() { varmor agent status >/tmp/status; grep -q -e "$1" /tmp/status; }
says_status() {
  eventually 30 status_has "$2"
  status_result=$?
  ok $status_result "$1"
  [ $status_result = 0 ] || cat /tmp/status
}
has_line() { grep -q -e "$1" $violations; }
says_violation() {
  eventually 20 has_line "$2"
  violation_result=$?
  ok $violation_result "$1"
  [ $violation_result = 0 ] || tail -n 5 $violations
}
denied() { ! try_in "$1" "$2" >$said 2>&1 && grep -q "denied\|permitted" $said; }
works() { try_in "$1" "$2" >$said 2>&1; }
eventually_denied() {
  eventually 30 denied "$2" "$3"
  ok $? "$1"
}
eventually_works() {
  eventually 30 works "$2" "$3"
  ok $? "$1"
}

export BUSYBOX=/bin/busybox
[ -x $BUSYBOX ] || BUSYBOX=$(command -v busybox)
start_containerd /run/containerd-test || finish
expect_ok "an image" import_busybox
run() {
  run_id=$1 run_label=$2
  shift 2
  ctr run --null-io -d --label app="$run_label" "$@" $image "$run_id" /bin/sh -c 'while :; do sleep 1; done'
}

# A container from before the agent, one that no policy is about, and one from after it.
expect_ok "a container from before the agent" run before web
expect_ok "a container that no policy is about" run other other
policy web.yaml web BPF "$shadow"
start_agent
ok $? "the agent becomes ready"
expect_ok "health" curl -sf http://127.0.0.1:9580/health/readiness
expect_ok "liveness" curl -sf http://127.0.0.1:9580/health/liveness
says_status "BPF is used" '^BPF: 1 profiles'
says_status "the policy is enforced" '^  varmor-vm-web (web.yaml): enforced, 1 containers, BPF=ok'
says_status "the one from before is confined" '^  default/before before: varmor-vm-web BPF=ok, confined found running'
says_status "the other is not" '^  default/other other: no policy'
eventually_denied "before: reading shadow is denied" before 'cat /etc/shadow'
expect_ok "before: the near miss works" try_in before 'cat /etc/passwd'
expect_ok "other: reading shadow works" try_in other 'cat /etc/shadow'
says_violation "the violation names container, policy, rule" \
  '"containerID":"before","containerName":"before","image":"varmor.test/busybox:latest",.*"enforcer":"BPF","action":"DENIED","profileName":"varmor-vm-web","policyKind":"VarmorPolicy","policyName":"web","policyNamespace":"vm","event":{.*"path":"/etc/shadow".*"name":"disable-access-shadow"'
expect_ok "a container from after the agent" run after web
says_status "after: confined" '^  default/after after: varmor-vm-web BPF=ok, confined'
grep '^  default/after' /tmp/status
eventually_denied "after: reading shadow is denied" after 'cat /etc/shadow'
says_violation "after: the violation" '"containerID":"after".*"path":"/etc/shadow"'

# A container that may write to its cgroup file system moves its first process, as systemd and dind do.
after_cgroup=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(pid_of after)/cgroup")
expect_ok "moved: a cgroup below the container's" mkdir "$after_cgroup/inner"
expect_ok "moved: its first process is there" sh -c "echo $(pid_of after) >$after_cgroup/inner/cgroup.procs"
sleep 7 # longer than --checkInterval
! grep -q "withdraw $(stat -c %i "$after_cgroup") " $agent_log
ok $? "moved: the container's cgroup stays confined"
says_status "moved: the status" '^  default/after after: varmor-vm-web BPF=ok'
eventually_denied "moved: reading shadow is denied" after 'cat /etc/shadow'

# How long it takes until a new container is confined: its first act is the forbidden one.
for i in 1 2 3 4 5; do
  ctr run --null-io -d --label app=web $image "race$i" /bin/sh -c 'cat /etc/shadow >/dev/null 2>&1; echo $? >/tmp/rc; while :; do sleep 1; done'
done
eventually 20 status_has 'default/race5 .*confined'
sleep 1
for i in 1 2 3 4 5; do echo "  race$i: exit status of the first act $(in_container race$i): $(grep "default/race$i" /tmp/status)"; done
curl -s http://127.0.0.1:9581/metrics | grep -E '^varmor_(containers_enrolled_total|container_attach_seconds_(sum|count)|agent_memory|violations_total)' | tee /tmp/metrics
grep -q 'varmor_violations_total{enforcer="BPF",action="DENIED",policy_kind="VarmorPolicy",policy_namespace="vm",policy_name="web",rule="disable-access-shadow"} [1-9]' /tmp/metrics
ok $? "metrics have the violation by policy and rule"
for i in 1 2 3 4 5; do remove_container default "race$i"; done

# Another reader of the ring is faster by more than its 2 MiB, because the agent stands still. With a path of
# 3,500 bytes each event takes 3.6 KiB. In portions that the other reader can follow: what finds no room is not lost here.
deep=/tmp/deep
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do deep=$deep/$(printf 'd%0249d' "$i"); done
mkdir -p "$deep"
echo deep >"$deep/file"
policy flood.yaml flood BPF '      bpfRawRules: {files: [{qualifiers: [audit, deny], pattern: "/tmp/deep/**", permissions: [read]}]}'
mv $policies/flood.yaml /tmp/flood.yaml
# The agent stops only once the run is under way, and goes on before that ends: it may stop with the enforcer's lock.
rm -f /tmp/flood.began /tmp/flood.go /tmp/flood.done
varmor run -f /tmp/flood.yaml --violations json -- sh -c "touch /tmp/flood.began; until [ -e /tmp/flood.go ]; do sleep 0.1; done
  i=0; while [ \$i -lt 1000 ]; do true <$deep/file; i=\$((i + 1)); [ \$((i % 20)) != 0 ] || sleep 0.2; done
  touch /tmp/flood.done" >/tmp/flood.out 2>/tmp/flood.err &
flood=$!
eventually 120 test -e /tmp/flood.began
kill -STOP $agent
touch /tmp/flood.go
eventually 300 test -e /tmp/flood.done
ok $? "1,000 denied openings while the agent stands still"
kill -CONT $agent
wait $flood
echo "  $(wc -l </tmp/flood.err) lines; $(grep -a 'no room' /tmp/flood.err)"
metric() { curl -s http://127.0.0.1:9581/metrics | awk -v name="$1" '$1 == name {print $2}'; }
loses() { [ "$(metric varmor_bpf_events_lost_bytes_total)" != 0 ]; }
eventually 30 loses
ok $? "lost events are counted ($(metric varmor_bpf_events_lost_bytes_total) bytes)"
eventually 30 grep -q 'violations are lost: [0-9]* bytes' $agent_log
ok $? "and told"

# The OCI hook: the container's program waits for the agent.
cat >/tmp/runc-with-hook <<'SH'
#!/bin/sh
# A runtime that adds the hook to every container, as nvidia's does.
for word in "$@"; do
  [ "$previous" != --bundle ] || bundle=$word
  previous=$word
done
if [ -n "${bundle:-}" ] && [ -f "$bundle/config.json" ] && ! grep -q varmor-hook "$bundle/config.json"; then
  sed -i 's#^{#{"hooks":{"createRuntime":[{"path":"/tmp/varmor-hook.sh","args":["varmor-hook","'"$(cat /tmp/hook-mode)"'"]}]},#' "$bundle/config.json"
fi
exec runc "$@"
SH
cat >/tmp/varmor-hook.sh <<SH
#!/bin/sh
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}
exec $(command -v varmor-hook) "\$@"
SH
chmod +x /tmp/runc-with-hook /tmp/varmor-hook.sh
echo --fail-mode=closed >/tmp/hook-mode
hooked=0
for i in 1 2 3; do
  ctr run --null-io -d --runc-binary /tmp/runc-with-hook --label app=web $image "hook$i" /bin/sh -c 'cat /etc/shadow >/dev/null 2>&1; echo $? >/tmp/rc; while :; do sleep 1; done'
  eventually 10 test -n "$(in_container "hook$i")"
  sleep 0.5
  [ "$(in_container "hook$i")" = 1 ] && hooked=$((hooked + 1))
done
[ $hooked = 3 ]
ok $? "hook: the first act of all 3 containers is denied ($hooked)"
says_status "hook: confined before its program" '^  default/hook3 .*confined before its program'

# Another policy for running containers, without a restart of them.
policy web.yaml web BPF "$(deny_file /etc/passwd)"
eventually_denied "replaced: passwd is denied" before 'cat /etc/passwd'
expect_ok "replaced: shadow works" try_in before 'cat /etc/shadow'
echo 'nonsense' >$policies/web.yaml
says_status "a wrong file is told" 'PROBLEM: web.yaml:'
expect_fail "and what was in force stays" 'denied\|permitted' try_in before 'cat /etc/passwd'
policy web.yaml web BPF "$shadow"
eventually_works "back again: passwd works" before 'cat /etc/passwd'

# kill -9: enforcement goes on, also for who starts meanwhile in a confined container; the next agent
# takes over.
stop_agent KILL
expect_fail "killed: shadow is denied" 'denied\|permitted' try_in before 'cat /etc/shadow'
expect_ok "a container while no agent runs" run meanwhile web
echo --fail-mode=closed >/tmp/hook-mode
expect_fail "hook, closed, no agent: the container is not started" 'varmor-hook\|hook' \
  ctr run --null-io -d --runc-binary /tmp/runc-with-hook --label app=web $image closed /bin/true
echo --fail-mode=open >/tmp/hook-mode
expect_ok "hook, open, no agent: it is started" \
  ctr run --null-io -d --runc-binary /tmp/runc-with-hook --label app=web $image open /bin/sleep 300
remove_container default open
remove_container default closed
remove_container default after
start_agent
ok $? "restarted"
grep -q 'found' $agent_log
ok $? "it found the profile"
says_status "meanwhile: confined" '^  default/meanwhile meanwhile: varmor-vm-web BPF=ok, confined found running'
says_status "before: still" '^  default/before before: varmor-vm-web BPF=ok'
eventually_denied "meanwhile: shadow is denied" meanwhile 'cat /etc/shadow'
varmor bpf status >/tmp/bpf
[ "$(grep -c 'its cgroup is gone' /tmp/bpf)" = 0 ]
ok $? "no subject of containers that ended meanwhile"

# The build of before has another ABI, as after an upgrade: it stays in force until the new one does all that it did, and
# until what it alone confines has ended.
varmor run -f /tmp/flood.yaml --violations json -- sh -c 'touch /tmp/run.started; exec sleep 1000' 2>/tmp/run.err &
varmor_run=$!
eventually 60 [ -e /tmp/run.started ]
ok $? "abi: a command runs under the build of before"
stop_agent KILL
build=$(basename /sys/fs/bpf/varmor/v*-*)
mv "/sys/fs/bpf/varmor/$build" "/sys/fs/bpf/varmor/v0-${build#*-}"
echo 'nonsense' >$policies/broken.yaml
start_agent
ok $? "abi: the agent starts beside it"
says_status "abi: held, since a policy cannot be read" "^  build v0-${build#*-} is still in force too: a source of policies cannot be read"
says_status "abi: the container is confined by the new one too" '^  default/before before: varmor-vm-web BPF=ok'
expect_fail "abi: shadow is denied" 'denied\|permitted' try_in before 'cat /etc/shadow'
rm $policies/broken.yaml
says_status "abi: held, since a run is confined by it" "^  build v0-${build#*-} is still in force too: a \`varmor run\` may be confined by it"
kill $varmor_run
wait $varmor_run 2>/dev/null
gone() { [ "$(ls /sys/fs/bpf/varmor)" = "$build" ]; }
eventually 150 gone
ok $? "abi: taken over"
grep -q "done: take out BPF build v0-${build#*-}" $agent_log
ok $? "abi: and told"
expect_fail "abi: shadow is denied by the new one alone" 'denied\|permitted' try_in before 'cat /etc/shadow'
expect_ok "abi: the near miss works" try_in before 'cat /etc/passwd'
varmor agent status | grep 'still in force' || true

# A rule that a kernel may lack the hook for.
policy userns.yaml userns BPF '      hardeningRules: [disallow-create-user-ns]'
says_status "userns: loaded" '^  varmor-vm-userns (userns.yaml): enforced'
if grep -q ' bpf_lsm_userns_create$' /proc/kallsyms; then
  ! status_has 'NOT ENFORCED'
  ok $? "userns: this kernel enforces it"
else
  grep -q 'varmor-vm-userns: this kernel does NOT ENFORCE BPF: disallow-create-user-ns (this kernel has no hook userns_create' $agent_log
  ok $? "userns: told that this kernel does not enforce it"
fi
rm $policies/userns.yaml

# Tampering is noticed and repaired.
rm -rf /sys/fs/bpf/varmor/*/links/file_open
eventually 40 grep -q 'TAMPERING: BPF' $agent_log
ok $? "tampering: a link that was removed is an alarm"
eventually 120 denied before 'cat /etc/shadow'
ok $? "tampering: shadow is denied again"

# containerd is killed and comes back.
kill_containerd
says_status "containerd killed: told" 'NOT WATCHED'
run_containerd
eventually 30 sh -c "varmor agent status | grep -q '^runtime: .*sock$'"
ok $? "containerd is watched again"
expect_ok "a container after it" run again web
says_status "again: confined" '^  default/again again: varmor-vm-web BPF=ok'

# The policy goes: nothing is denied any more, nothing is left.
rm $policies/web.yaml
eventually_works "removed: shadow works" before 'cat /etc/shadow'
says_status "removed: no policy" '^0 policies'
varmor bpf status >/tmp/bpf
grep -q '^0 profiles' /tmp/bpf && grep -q '^0 subjects' /tmp/bpf
ok $? "removed: the kernel has neither profile nor subject"
for id in before other meanwhile again hook1 hook2 hook3; do remove_container default $id; done

# AppArmor and seccomp: named when the container is started.
policy aa.yaml aa AppArmorSeccomp "      appArmorRawRules: [{rules: 'audit deny /etc/shadow r,'}]
      syscallRawRules: [{names: [mkdir, mkdirat], action: SCMP_ACT_ERRNO}]"
eventually 60 status_has '^  varmor-vm-aa (aa.yaml): enforced'
ok $? "AppArmor and seccomp: enforced"
expect_ok "a container with both" run both aa --apparmor-profile varmor-vm-aa --seccomp --seccomp-profile /var/lib/varmor/seccomp-profiles/varmor-vm-aa
says_status "both: ok" '^  default/both both: varmor-vm-aa AppArmor=ok Seccomp=ok'
expect_ok "a container with neither" run neither aa
says_status "neither: told" '^  default/neither neither: varmor-vm-aa AppArmor=it was started under .* Seccomp=it was started without'
# A program that calls itself as a runtime's waiting process is called, and an agent that only finds it.
ctr run --null-io -d --label app=aa $image faker /bin/sh -c "printf 'runc:[2:INIT]' >/proc/self/comm; while :; do sleep 1; done"
eventually 20 grep -q 'runc:.2:INIT' "/proc/$(pid_of faker)/comm"
ok $? "faker: it has the name"
stop_agent KILL
start_agent
says_status "faker: told all the same" '^  default/faker faker: varmor-vm-aa AppArmor=it was started under .* Seccomp=it was started without'
remove_container default faker
expect_fail "both: AppArmor denies" 'denied' try_in both 'cat /etc/shadow'
expect_fail "both: seccomp denies" 'permitted\|not implemented' try_in both 'mkdir /tmp/x'
says_violation "the AppArmor violation names container, policy, rule" \
  '"containerID":"both".*"enforcer":"AppArmor","action":"DENIED","profileName":"varmor-vm-aa".*"policyName":"aa".*"deniedMask":"r".*"name":"raw"'
expect_ok "AppArmor: somebody removes the profile" sh -c 'printf varmor-vm-aa >/sys/kernel/security/apparmor/.remove'
eventually 40 grep -q 'TAMPERING: AppArmor' $agent_log
ok $? "AppArmor: an alarm"
eventually 20 grep -q '^varmor-vm-aa (enforce)' /sys/kernel/security/apparmor/profiles
ok $? "AppArmor: loaded again"
rm $policies/aa.yaml
eventually 30 grep -q 'retire AppArmor varmor-vm-aa' $agent_log
ok $? "the policy goes: its profile is retired, since a container has it"
grep -q '^varmor-vm-aa' /sys/kernel/security/apparmor/profiles
ok $? "it is still loaded"
remove_container default both
remove_container default neither
eventually 60 sh -c '! grep -q "^varmor-vm-aa" /sys/kernel/security/apparmor/profiles'
ok $? "without containers it goes"
[ ! -e /var/lib/varmor/seccomp-profiles/varmor-vm-aa ]
ok $? "and so does the seccomp file"

# Without the right to read the kernel's audit records: from the log that a syslog daemon writes of its messages, which
# begins later. The agents start with several policies, which AppArmor is given at once.
stop_agent TERM
log=/tmp/kern.log
cat /dev/kmsg | while read -r line; do
  [ -e /tmp/syslog.runs ] || continue
  case $line in *"audit: type="*) echo "Nov 26 08:20:42 vm kernel: [    1.000000] ${line#*;}" >>$log ;; esac
done &
kmsg=$!
echo 0 >/proc/sys/kernel/printk_ratelimit
sleep 1
for i in 1 2 3 4; do policy p$i.yaml p$i AppArmor "      appArmorRawRules: [{rules: 'audit deny /etc/shadow r,'}]"; done
agent_program="/usr/bin/setpriv --bounding-set -audit_read varmor-agent"
start_agent --auditLogPaths /nonexistent/audit.log\|$log
ok $? "without the right to read audit records the agent starts"
grep -q "violations of AppArmor and seccomp are not seen: cannot read audit records.*$log: No such file" $agent_log
ok $? "and says that it sees none"
says_status "and so does its status" '^violations of AppArmor and seccomp are NOT SEEN: cannot read audit records'
touch /tmp/syslog.runs $log
eventually 30 grep -q "violations of AppArmor and seccomp are read from $log: cannot read audit records" $agent_log
ok $? "it says where it reads them when there is a log"
! status_has 'NOT SEEN'
ok $? "and so does its status"
eventually 60 status_has '^  varmor-vm-p4 (p4.yaml): enforced'
ok $? "four policies are enforced"
curl -s http://127.0.0.1:9581/metrics | grep '^varmor_profile_apply_seconds_\(count\|sum\)'
curl -s http://127.0.0.1:9581/metrics | grep -q '^varmor_profile_apply_seconds_count{enforcer="AppArmor"} 1$'
ok $? "AppArmor was called once for all of them"
expect_ok "a container under one of them" run logged p1 --apparmor-profile varmor-vm-p1
from_log() { [ "$(grep -c '"containerID":"logged".*"enforcer":"AppArmor","action":"DENIED","profileName":"varmor-vm-p1".*"name":"raw"' $violations)" -ge "$1" ]; }
for turn in 1 2; do
  expect_fail "AppArmor denies" 'denied' try_in logged 'cat /etc/shadow'
  eventually 20 from_log $turn
  ok $? "violation $turn comes from the log"
  mv $log $log.1 # rotated
done
kill $kmsg
agent_program=varmor-agent
remove_container default logged

# At the end, when flags say so, nothing is left.
rm $policies/p*.yaml
stop_agent TERM
policy last.yaml last AppArmorBPFSeccomp "$shadow"
start_agent --unloadAllAaProfiles --removeAllSeccompProfiles --unloadBpf
eventually 60 status_has '^  varmor-vm-last (last.yaml): enforced'
ok $? "unload flags: a policy with all enforcers"
stop_agent TERM
! grep -q '^varmor-vm-' /sys/kernel/security/apparmor/profiles && [ ! -e /var/lib/varmor/seccomp-profiles/varmor-vm-last ] && ! varmor bpf status >/dev/null 2>&1
ok $? "unload flags: the agent leaves nothing in the kernel"
rm $policies/last.yaml

# failMode closed without hook.
start_agent --failMode closed --enforcers seccomp,apparmor
policy web.yaml web BPF "$shadow"
eventually 30 status_has 'web.yaml): failed'
ok $? "a policy whose enforcer is switched off has failed"
# It may be killed before its program starts, which ctr then says.
run doomed web || true
eventually 30 sh -c "ctr() { command ctr --address $socket \"\$@\"; }; ctr task ls | grep -q 'doomed.*STOPPED'"
ok $? "closed: it was killed"
grep -q 'doomed was killed' $agent_log
ok $? "closed: and that is told"
remove_container default doomed
stop_agent TERM
ok $? "the agent ends with 0"

# README.md's commands as they stand: beside containerd where it usually is, with the agent's own directories.
awk '/^#/ {in_section = $0 == "### On one machine"} in_section && sub(/^    /, "")' README.md >/tmp/commands
mkdir -p /run/containerd /etc/varmor/policies
ln -sf "$socket" /run/containerd/containerd.sock
policies=/etc/varmor/policies
policy web.yaml web BPF "$shadow"
expect_ok "README: a container from before the agent" run readme web
agent='' others=0
while read -r command <&3; do
  case $command in
    "varmor-agent "*)
      sh -c "exec $command" >>$violations 2>>$agent_log 3<&- &
      agent=$!
      eventually 120 sh -c "varmor agent status | grep -q '^ready'"
      ok $? "README: $command"
      ;;
    *)
      eventually 30 status_has '^  default/readme readme: varmor-vm-web BPF=ok, confined'
      expect_ok "README: $command" sh -c "$command"
      others=$((others + 1))
      ;;
  esac
done 3</tmp/commands
[ -n "$agent" ] && [ $others = 1 ]
ok $? "README: an agent and one command more"
says_status "README: the container is confined" '^  default/readme readme: varmor-vm-web BPF=ok, confined found running'
eventually_denied "README: reading shadow is denied" readme 'cat /etc/shadow'
says_violation "README: the violation" '"containerID":"readme".*"policyName":"web".*"name":"disable-access-shadow"'
remove_container default readme
stop_agent TERM
ok $? "README: the agent ends with 0"

cat >/tmp/version1.sh <<'SH'
umount -l /sys/fs/cgroup && mount -t tmpfs tmpfs /sys/fs/cgroup && mkdir /sys/fs/cgroup/one &&
  mount -t cgroup -o none,name=one cgroup /sys/fs/cgroup/one && exec "$@"
SH
expect_fail "cgroups of version 1: an agent for BPF alone ends, and says why" \
  'BPF: this machine has cgroups of version 1 alone.*systemd.unified_cgroup_hierarchy=1' \
  unshare -m sh /tmp/version1.sh varmor-agent --policy-dir $policies --enforcers bpf

cp $agent_log $violations "$RESULTS/" 2>/dev/null
stop_containerd
tail -n 60 $agent_log | cut -c 1-200
finish
