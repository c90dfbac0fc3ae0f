#!/bin/bash
# Resident memory of varmor-agent with a real containerd: idle, with many containers under a policy, and after they are
# gone. Needs root. Prints a table.
#
# usage: memory.sh VARMOR-AGENT [CONTAINERS]     (default 256)
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=../../container/testing/containerd.sh
. "$here/../../container/testing/containerd.sh"
program=$1 many=${2:-256}
dir=$(mktemp -d /run/varmor-memory.XXXXXX)
mkdir "$dir/policies"
leave() {
  kill "${agent:-}" 2>/dev/null
  stop_containerd
  rm -rf "$dir"
}
trap leave EXIT
start_containerd "$dir/containerd" || exit 1
export SNAPSHOTTER=native
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
until curl -sf http://127.0.0.1:19580/health/readiness >/dev/null; do
  kill -0 $agent || { cat "$dir/log"; exit 1; }
  sleep 0.5
done
known() { curl -s http://127.0.0.1:19581/metrics | awk '$1 == "varmor_containers" {print $2}'; }
row() {
  sleep 3
  awk -v name="$1" '/^VmRSS/ {rss = $2} /^RssAnon/ {anon = $2} /^VmHWM/ {peak = $2}
    END {printf "%-28s %6d KiB resident, %6d KiB of them anonymous, peak %6d KiB\n", name, rss, anon, peak}' /proc/$agent/status
}
row "idle"
started=$(date +%s)
for i in $(seq "$many"); do
  ctr run --snapshotter native --null-io -d $image "c$i" /bin/sleep 100000 || break
done
echo "$(($(date +%s) - started)) s for $many containers"
until [ "$(known)" = "$many" ]; do sleep 1; done
row "with $many containers"
for i in $(seq "$many"); do remove_container default "c$i"; done
until [ "$(known)" = 0 ]; do sleep 1; done
row "after they are gone"
