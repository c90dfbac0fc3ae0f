#!/bin/bash
# Resident memory of varmor-agent with a real containerd: idle, with many containers under a policy, and after they are
# gone. Uses every enforcer that the machine has. Needs root. Prints a table; exits with 1 when a bound of docs/agent.md
# is passed, or when something of the containers is left.
#
# usage: [SNAPSHOTTER=native] [RUNC=PROGRAM] memory.sh VARMOR-AGENT [CONTAINERS]     (default 256)
set -u
here=$(dirname "$(readlink -f "$0")")
for place in "$here/../../container/testing" "$here"; do
  # shellcheck source=../../container/testing/containerd.sh
  [ ! -f "$place/containerd.sh" ] || . "$place/containerd.sh"
done
program=$1 many=${2:-256} failed=0 profile=varmor-test-web
idle_bound=$((20 << 10)) full_bound=$((40 << 10)) # KiB
export SNAPSHOTTER=${SNAPSHOTTER:-native}
dir=$(mktemp -d /run/varmor-memory.XXXXXX)
mkdir "$dir/policies"
leave() {
  kill "${agent:-}" 2>/dev/null
  ctr task delete --force $(ctr task ls -q) >/dev/null 2>&1
  ctr container delete $(ctr container ls -q) >/dev/null 2>&1
  stop_containerd
  rm -rf "$dir"
}
trap leave EXIT
start_containerd "$dir/containerd" || exit 1
import_busybox || exit 1
cat >"$dir/policies/web.yaml" <<'YAML'
apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: web, namespace: test}
spec:
  target: {kind: Pod, selector: {}}
  policy:
    enforcer: AppArmorBPFSeccomp
    mode: EnhanceProtect
    enhanceProtect: {hardeningRules: [disallow-write-core-pattern, disallow-umount]}
YAML
"$program" --policy-dir "$dir/policies" --runtimeSocket "$socket" --stateDir "$dir/state" --socket "$dir/agent.sock" \
  --readinessPort 19580 --enableMetrics --metricsPort 19581 >"$dir/violations" 2>"$dir/log" &
agent=$!
until curl -sf http://127.0.0.1:19580/health/readiness >/dev/null && [ -s "$dir/state/seccomp-profiles/$profile" ]; do
  kill -0 $agent || { cat "$dir/log"; exit 1; }
  sleep 0.5
done
options=(${RUNC:+--runc-binary "$RUNC"} --seccomp --seccomp-profile "$dir/state/seccomp-profiles/$profile")
enforcers=seccomp
until ! grep -q apparmor /sys/kernel/security/lsm 2>/dev/null || grep -q "^$profile " /sys/kernel/security/apparmor/profiles; do
  kill -0 $agent || { cat "$dir/log"; exit 1; }
  sleep 0.5
done
if grep -q apparmor /sys/kernel/security/lsm 2>/dev/null; then
  options+=(--apparmor-profile "$profile")
  enforcers="AppArmor and $enforcers"
fi
metric() { curl -s http://127.0.0.1:19581/metrics | awk -v name="$1" '$1 == name {print $2}'; }
[ "$(metric 'varmor_profiles{enforcer="BPF",state="ok"}')" != 1 ] || enforcers="BPF, $enforcers"
echo "enforcers: $enforcers"
descriptors() { find "/proc/$agent/fd" -mindepth 1 | wc -l; }
# row NAME BOUND: memory now.
row() {
  local resident
  sleep 3
  resident=$(awk '/^VmRSS/ {print $2}' /proc/$agent/status)
  awk -v name="$1" '/^VmRSS/ {rss = $2} /^RssAnon/ {anon = $2} /^VmHWM/ {peak = $2}
    END {printf "%-28s %6d KiB resident, %6d KiB of them anonymous, peak %6d KiB\n", name, rss, anon, peak}' /proc/$agent/status
  [ "$resident" -le "$2" ] || { echo "FAIL $1: more than $2 KiB"; failed=$((failed + 1)); }
}
# wait_for NAME VALUE: until the metric has it, for ten minutes.
wait_for() {
  for _ in $(seq 600); do
    [ "$(metric "$1")" != "$2" ] || return 0
    kill -0 $agent || break
    sleep 1
  done
  echo "FAIL $1 is $(metric "$1"), not $2"
  failed=$((failed + 1))
}
row "idle" $idle_bound
before=$(descriptors)
started=$SECONDS
for i in $(seq "$many"); do
  # Sixteen to a shim, as in a pod.
  ctr run --snapshotter "$SNAPSHOTTER" --null-io -d --annotation io.containerd.runc.v2.group=g$((i / 16)) "${options[@]}" \
    $image "c$i" /bin/sleep 100000 || { tail -n 5 "$dir/containerd/log"; exit 1; }
  [ $((i % 32)) != 0 ] || echo "$i containers after $((SECONDS - started)) s"
done
echo "$((SECONDS - started)) s for $many containers"
wait_for varmor_containers "$many"
for enforcer in BPF AppArmor Seccomp; do
  case $enforcers in *"$enforcer"* | *"${enforcer,}"*) wait_for "varmor_protected_containers{enforcer=\"$enforcer\"}" "$many" ;; esac
done
row "with $many containers" $full_bound
ctr task delete --force $(ctr task ls -q) >/dev/null 2>&1
ctr container delete $(ctr container ls -q) >/dev/null 2>&1
wait_for varmor_containers 0
[ "$(metric varmor_bpf_subjects)" = 0 ] || { echo "FAIL subjects are left"; failed=$((failed + 1)); }
# What ended is remembered for a minute, since its last violations may be on their way.
sleep 75
row "after they are gone" $full_bound
after=$(descriptors)
[ "$after" -le "$before" ] || { echo "FAIL $before descriptors were open, now $after"; failed=$((failed + 1)); }
echo "$failed failed"
[ $failed = 0 ]
