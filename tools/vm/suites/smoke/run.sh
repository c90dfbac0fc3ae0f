#!/bin/sh
# Shows that the guest has what the other suites rest on, by using it.
. ./checks.sh

echo "kernel $(uname -r), lsm $(cat /sys/kernel/security/lsm), $(nproc) CPU, $(grep -o '(.*)' /sys/kernel/debug/sched/preempt 2>/dev/null || echo 'no choice of') preemption"

# AppArmor
cat >/tmp/profile <<'P'
profile smoke flags=(attach_disconnected) {
  file, capability, network, mount, umount, pivot_root, signal, ptrace, unix,
  deny /etc/shadow r,
}
P
expect_ok "a profile loads" apparmor_parser -r -K /tmp/profile
expect_ok "the kernel lists the profile" grep -q '^smoke (enforce)' /sys/kernel/security/apparmor/profiles
expect_ok "a process under the profile reads what it may" aa-exec -p smoke -- cat /etc/passwd
expect_fail "the profile denies a process" "ermission denied" aa-exec -p smoke -- cat /etc/shadow
echo 'profile watched { file, audit deny /etc/shadow r, }' >/tmp/watched
apparmor_parser -r -K /tmp/watched
aa-exec -p watched -- cat /etc/shadow >/dev/null 2>&1
dmesg >/tmp/messages
expect_ok "the denial is recorded" grep -q 'apparmor="DENIED".*profile="watched".*name="/etc/shadow"' /tmp/messages

# Containers
cat >/tmp/seccomp.json <<'S'
{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64"],
 "syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":38}]}
S
for runtime in runc crun; do
  bundle /tmp/plain '["cat","/etc/shadow"]'
  expect_ok "$runtime runs a container" $runtime run -b /tmp/plain plain
  bundle /tmp/confined '["cat","/etc/shadow"]' smoke
  expect_fail "$runtime applies an AppArmor profile" "ermission denied" $runtime run -b /tmp/confined confined
  bundle /tmp/filtered '["mkdir","/tmp/x"]' '' /tmp/seccomp.json
  expect_fail "$runtime applies a seccomp filter" "not implemented" $runtime run -b /tmp/filtered filtered
  bundle /tmp/near '["touch","/tmp/x"]' '' /tmp/seccomp.json
  expect_ok "$runtime: what the filter does not name still works" $runtime run -b /tmp/near near
done
new_rootfs /tmp/rootfs
add_program /tmp/rootfs /usr/bin/setpriv
ROOTFS=/tmp/rootfs bundle /tmp/glibc '["setpriv","--dump"]'
expect_ok "a program with shared libraries runs in a container" crun run -b /tmp/glibc glibc

# BPF
expect_ok "a map can be made and pinned" bpftool map create /sys/fs/bpf/m type hash key 4 value 4 entries 8 name smoke
bpftool map update pinned /sys/fs/bpf/m key 1 0 0 0 value 42 0 0 0
expect_ok "the map keeps a value" sh -c 'bpftool -j map lookup pinned /sys/fs/bpf/m key 1 0 0 0 | grep -q 0x2a'
expect_ok "before: a mount is allowed" mount -t tmpfs x /mnt
umount /mnt
expect_ok "an LSM program loads and attaches" attach deny_mount.bpf.o /sys/fs/bpf/deny
expect_fail "the LSM program denies" "ermission denied\|ermitted" mount -t tmpfs x /mnt
rm -rf /sys/fs/bpf/deny
expect_ok "after: a mount is allowed again" eventually 10 mount -t tmpfs x /mnt
umount /mnt

finish
