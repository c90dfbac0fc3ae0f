#!/bin/sh
# varmor run on a node without bpf in lsm=.
. ./checks.sh
. ./policies.sh

varmor run -f all.yaml -- cat /etc/passwd >$said 2>&1
[ $? = 125 ] && ! grep -q root: $said
ok $? "without the BPF LSM a policy for it is refused"
grep -q 'error: the policy wants BPF, which is not available: .*lsm' $said
ok $? "the refusal has the reason"
grep -q '^  fix: .*bpf' $said
ok $? "and what would help"
cat $said

varmor run -f all.yaml --best-effort -- cat /etc/shadow >$said 2>&1
[ $? = 1 ]
ok $? "with --best-effort AppArmor still denies"
grep -q 'warning: the policy wants BPF, which is not available: ' $said
ok $? "what is missing is said"
grep -q 'NOT ENFORCED\|every rule that BPF would enforce is also enforced' $said
ok $? "and what of the policy is not enforced"
grep -q '^varmor: AppArmor: DENIED read /etc/shadow.*: cat .*disable-access-shadow' $said
ok $? "AppArmor's violation is told"
cat $said

varmor run -f bpf.yaml --best-effort -- cat /etc/shadow >$said 2>&1
ok $? "a policy for BPF alone enforces nothing then"
grep -q 'without BPF NOT ENFORCED: .*disable-access-shadow' $said
ok $? "the rule is named"
grep -q 'the command runs WITHOUT ANY of the policy' $said
ok $? "loudly"
cat $said | grep varmor:

varmor bpf status >$said 2>&1
[ $? = 1 ] && grep -q 'not loaded, and cannot be' $said
ok $? "bpf status says that it is not loaded and why"
cat $said

finish
