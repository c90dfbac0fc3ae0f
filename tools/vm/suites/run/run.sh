#!/bin/sh
# varmor run and varmor bpf, with every enforcer.
. ./checks.sh
. ./policies.sh

# says NAME PATTERN: what the last command said has it.
says() {
  grep -q -e "$2" $said
  said_status=$?
  ok $said_status "$1"
  [ $said_status = 0 ] || head -n 20 $said
}

# exits STATUS NAME COMMAND...: it exits with STATUS. What it says is left in $said.
exits() {
  wanted=$1 name=$2
  shift 2
  "$@" >$said 2>&1
  status=$?
  [ $status = "$wanted" ]
  ok $? "$name (exit status $status)"
  [ $status = "$wanted" ] || head -n 20 $said
}

# nothing_left NAME: no cgroup, subject, profile or record of a run.
nothing_left() {
  find /sys/fs/cgroup -name 'varmor-run-*' >$said
  grep varmor- /sys/kernel/security/apparmor/profiles >>$said
  ls /run/varmor/runs >>$said 2>/dev/null
  varmor bpf status 2>/dev/null | grep -e '-run-' >>$said
  [ ! -s $said ]
  left_status=$?
  ok $left_status "$1"
  [ $left_status = 0 ] || head -n 20 $said
}

exits 1 "bpf status: nothing is loaded yet" varmor bpf status
says "and says so" 'error: the BPF enforcer is not loaded'

# A machine with cgroups of version 1 alone.
cat >/tmp/version1.sh <<'SH'
umount -l /sys/fs/cgroup && mount -t tmpfs tmpfs /sys/fs/cgroup && mkdir /sys/fs/cgroup/one &&
  mount -t cgroup -o none,name=one cgroup /sys/fs/cgroup/one && exec "$@"
SH
exits 125 "cgroups of version 1: a policy for BPF is refused" unshare -m sh /tmp/version1.sh varmor run -f bpf.yaml -- true
says "with the reason" 'error: the policy wants BPF, which is not available: this machine has cgroups of version 1 alone'
says "and what would help" '^  fix: boot with systemd.unified_cgroup_hierarchy=1'
exits 1 "cgroups of version 1: bpf status" unshare -m sh /tmp/version1.sh varmor bpf status
says "says so too" 'not loaded, and cannot be: this machine has cgroups of version 1 alone'

for enforcer in bpf app_armor; do
  word=AppArmor
  [ $enforcer = app_armor ] || word=BPF
  exits 1 "$enforcer: reading shadow is denied" varmor run -f $enforcer.yaml -- cat /etc/shadow
  says "$enforcer: the command sees the error" 'cat: .*/etc/shadow.*denied\|cat: .*shadow.*not permitted'
  says "$enforcer: the violation names process, profile and rule" \
    "^varmor: $word: DENIED read /etc/shadow.*: cat (process [0-9]*, user 0); varmor-vm-demo-run-[0-9a-f]*: disable-access-shadow (audit deny "
  exits 0 "$enforcer: the near miss works" varmor run -f $enforcer.yaml -- cat /etc/passwd
  exits 42 "$enforcer: JSON, children, and the exit status" \
    varmor run -f $enforcer.yaml --violations json -- sh -c 'sh -c "cat /etc/shadow"; exit 42'
  grep '^{' $said | grep -q "\"enforcer\":\"$word\".*\"action\":\"DENIED\".*\"profileName\":\"varmor-vm-demo-run-.*\"name\":\"disable-access-shadow\""
  json=$?
  ok $json "$enforcer: the JSON line has enforcer, action, profile and rule"
  [ $json = 0 ] || head -n 5 $said
  grep '^{' $said | varmor why -f $enforcer.yaml --no-parser-check --log-line - 2>&1 | grep -q 'deny'
  ok $? "$enforcer: varmor why reads the line"
  nothing_left "$enforcer: nothing is left"
done

exits 1 "silence" varmor run -f bpf.yaml --violations none -- cat /etc/shadow
grep -q 'DENIED' $said
[ $? = 1 ]
ok $? "no violation is told then"
exits 143 "128 and the signal" varmor run -f bpf.yaml -- sh -c 'kill $$'
exits 127 "not found" varmor run -f bpf.yaml -- no-such-command
nothing_left "nothing is left"

exits 1 "seccomp: mkdir is denied" varmor run -f seccomp.yaml -- mkdir /tmp/d
says "seccomp: with its errno" 'not implemented'
says "seccomp: the violation names the rule" '^varmor: Seccomp: DENIED syscall mkdir.*: mkdir (process [0-9]*, user 0); varmor-vm-demo-run-[0-9a-f]*: raw ('
exits 0 "seccomp: the near miss works" varmor run -f seccomp.yaml -- touch /tmp/f
exits 1 "seccomp: JSON" varmor run -f seccomp.yaml --violations json -- mkdir /tmp/d
says "seccomp: the JSON line has the system call" '^{.*"enforcer":"Seccomp".*"syscall":"mkdir'

exits 1 "all: reading shadow is denied" varmor run -f all.yaml -- cat /etc/shadow
exits 0 "all: the near miss works" varmor run -f all.yaml -- cat /etc/passwd
exits 0 "all: the command knows its profile" varmor run -f all.yaml -- cat /proc/self/attr/current
says "all: AppArmor enforces" 'varmor-vm-demo-run-[0-9a-f]* (enforce)'
exits 0 "all: no descriptor leaks" varmor run -f all.yaml -- sh -c 'for f in /proc/self/fd/*; do [ ! -e "$f" ] || echo "fd ${f##*/}"; done'
[ "$(grep -c '^fd [3-9]' $said)" -le 1 ]
ok $? "all: only the shell's own"
exits 0 "all: its own cgroup" varmor run -f all.yaml -- cat /proc/self/cgroup
says "all: which is a leaf below ours" '0::/.*varmor-run-[0-9a-f]*$'
exits 0 "a cgroup by name" varmor run -f all.yaml --cgroup named -- cat /proc/self/cgroup
says "the command is there" '0::/named$'
varmor run -f all.yaml -- sh -c 'mount -t tmpfs x /mnt; exec sleep 0' >/dev/null 2>&1
grep -q ' /mnt ' /proc/mounts
[ $? = 1 ]
ok $? "all: mounts stay inside"
nothing_left "all: nothing is left"

# What is loaded, while a command runs.
varmor run -f bpf.yaml -- sh -c 'cat /etc/shadow; echo started >/tmp/started; sleep 60' >/tmp/background 2>&1 &
runner=$!
while [ ! -e /tmp/started ]; do sleep 0.1; done
exits 0 "bpf status" varmor bpf status
cat $said
says "status: the version" '^version v[0-9]*-[0-9a-f]*'
says "status: the programs" '^ *file_open .* verified'
says "status: the profile" '^  varmor-vm-demo-run-[0-9a-f]*: [0-9]* rules, [0-9]* KiB, 1 subject, digest '
says "status: the subject with its cgroup" '^  [0-9]* /sys/fs/cgroup.*varmor-run-[0-9a-f]*: varmor-vm-demo-run-'
profile=$(sed -n 's/^  \(varmor-vm-demo-run-[0-9a-f]*\):.*/\1/p' $said)
exits 0 "bpf status as JSON" varmor bpf status --format json
says "status: JSON has the profile" "\"name\": \"$profile\""
exits 0 "bpf counters" varmor bpf counters "$profile"
cat $said
says "counters: a hit of the rule" '^ *[1-9][0-9]*  disable-access-shadow: '
says "counters: drops by class" '^ *0  file'
exits 0 "bpf dump" varmor bpf dump "$profile"
cp $said /tmp/dump.json
says "dump: it is the profile's" "\"name\": \"$profile\""
varmor compile -f bpf.yaml -o /tmp/compiled >/dev/null 2>&1
# From the first map on, the bytes are those of the file.
sed -n '/"maps"/,$p' /tmp/dump.json >/tmp/maps.kernel
sed -n '/"maps"/,$p' /tmp/compiled/varmor-vm-demo.bpf.json >/tmp/maps.file
expect_ok "dump: the maps are those that were compiled" cmp /tmp/maps.kernel /tmp/maps.file
exits 2 "bpf dump of an unknown profile" varmor bpf dump nobody
says "dump: says so" 'there is no BPF profile "nobody"'
kill -TERM $runner
wait $runner
[ $? = 143 ]
ok $? "a signal goes on to the command"
nothing_left "after the signal nothing is left"

# Two at once: each tells its own, and all of it.
for n in 1 2; do
  varmor run -f bpf.yaml -- sh -c 'exec 2>/dev/null; i=0; while [ $i -lt 300 ]; do read x </etc/shadow; i=$((i + 1)); done' >/tmp/both.$n 2>&1 &
done
wait
for n in 1 2; do
  grep -c '^varmor: BPF: DENIED read /etc/shadow' /tmp/both.$n >$said
  [ "$(cat $said)" = 300 ]
  ok $? "two runs at once: run $n tells all of its violations ($(cat $said) of 300)"
  sed -n 's/^varmor: BPF: .*; \(varmor-vm-demo-run-[0-9a-f]*\):.*/\1/p' /tmp/both.$n | sort -u >$said
  [ "$(wc -l <$said)" = 1 ]
  ok $? "two runs at once: run $n tells nobody else's"
done
nothing_left "two runs at once: nothing is left"

# varmor is killed: the command stays confined, and the next one tells.
rm -f /tmp/started /tmp/go /tmp/result
varmor run -f all.yaml -- sh -c 'echo >/tmp/started; while [ ! -e /tmp/go ]; do sleep 0.1; done; cat /etc/shadow >/tmp/stolen; echo $? >/tmp/result' >/dev/null 2>&1 &
runner=$!
while [ ! -e /tmp/started ]; do sleep 0.1; done
kill -KILL $runner
wait $runner 2>/dev/null
exits 0 "the next run works" varmor run -f bpf.yaml -- true
says "and tells of the one that was killed" 'note: an earlier run was killed (.*process.* still runs\?, confined'
exits 0 "prune while it runs" varmor bpf prune
varmor bpf status | grep -q 'left behind: run .*still run'
ok $? "status tells of it too"
touch /tmp/go
while [ ! -e /tmp/result ]; do sleep 0.1; done
[ "$(cat /tmp/result)" = 1 ] && [ ! -s /tmp/stolen ]
ok $? "the command was still confined"
sleep 0.5
exits 0 "prune when it has ended" varmor bpf prune
says "prune says what it removed" '^removed .*AppArmor profile\|^removed BPF profile'
nothing_left "after pruning nothing is left"

# Processes that outlive the command stay confined.
exits 0 "a command that leaves a process" varmor run -f bpf.yaml -- sh -c '(sleep 1; cat /etc/shadow >/tmp/later; echo $? >/tmp/later_status) >/dev/null 2>&1 &'
says "is told of" 'note: [0-9] process.* of the command still run, confined'
while [ ! -e /tmp/later_status ]; do sleep 0.1; done
[ "$(cat /tmp/later_status)" = 1 ] && [ ! -s /tmp/later ]
ok $? "the process that outlived the command was confined"
sleep 0.5
exits 0 "prune" varmor bpf prune
nothing_left "nothing is left"

# Processes that leave the command's cgroup stay confined, and varmor keeps their profile for them.
rm -f /tmp/go /tmp/later /tmp/later_status
exits 0 "a command that leaves a process outside of its cgroup" varmor run -f bpf.yaml -- \
  sh -c '(echo 0 >/sys/fs/cgroup/cgroup.procs; while [ ! -e /tmp/go ]; do sleep 0.1; done; cat /etc/shadow >/tmp/later; echo $? >/tmp/later_status) >/dev/null 2>&1 & while ! grep -qx "0::/" /proc/$!/cgroup; do sleep 0.1; done'
says "is told of" 'note: BPF: processes of the command still run outside of its cgroup, confined ([0-9]*)'
exits 0 "prune leaves it" varmor bpf prune
says "and says so" 'whose cgroup is gone, stays: [0-9]* process.* that left it still run'
exits 0 "bpf status" varmor bpf status
says "status: the processes that left their cgroup" '(its cgroup is gone, processes that left it still run): varmor-vm-demo-run-[0-9a-f]*, [0-9]* process'
touch /tmp/go
while [ ! -e /tmp/later_status ]; do sleep 0.1; done
[ "$(cat /tmp/later_status)" = 1 ] && [ ! -s /tmp/later ]
ok $? "the process that left the cgroup was confined"
sleep 0.5
exits 0 "prune" varmor bpf prune
nothing_left "nothing is left"

# A program that somebody detached.
exits 0 "something is loaded" varmor run -f bpf.yaml -- true
rm /sys/fs/bpf/varmor/*/links/file_mprotect
exits 0 "bpf status with a missing program" varmor bpf status
says "status: names it" '^  file_mprotect .*NOT ATTACHED'
exits 0 "the next run" varmor run -f bpf.yaml -- true
says "tells that it was missing" 'warning: version .* lacks programs that should be attached: file_mprotect; they are loaded anew'
exits 0 "and brings it back" varmor bpf status
grep -q 'NOT ATTACHED' $said
[ $? = 1 ]
ok $? "all programs are attached again"

# Fault: a policy that forbids the command itself.
policy exec.yaml BPF "      bpfRawRules:
        processes:
        - {pattern: /**/true, permissions: [exec], qualifiers: [deny, audit]}"
exits 126 "BPF: the command itself is denied" varmor run -f exec.yaml -- true
says "with the reason" 'cannot execute "true": Operation not permitted'

finish
