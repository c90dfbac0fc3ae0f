#!/bin/bash
# The containerd runtime against a real containerd: lists, events in order, a restart of containerd,
# cancellation. Needs root and containerd, runc, busybox (tools/setup.sh test).
set -u
here=$(dirname "$(readlink -f "$0")")
check=${1:-$here/containerd_check}
# shellcheck source=containerd.sh
. "$here/containerd.sh"
failed=0
dir=$(mktemp -d /run/varmor-containerd-test.XXXXXX)
leave() {
  stop_containerd
  [ -z "${watcher:-}" ] || kill "$watcher" 2>/dev/null
  rm -rf "$dir"
}
trap leave EXIT
is() {
  if [ "$2" = "$3" ]; then
    echo "ok   $1"
  else
    echo "FAIL $1: wanted '$3', got '$2'"
    failed=$((failed + 1))
  fi
}
has() {
  if grep -qE "$3" "$2"; then
    echo "ok   $1"
  else
    echo "FAIL $1: no line '$3' in:"
    cat "$2"
    failed=$((failed + 1))
  fi
}
wait_for() {
  for _ in $(seq 100); do
    if grep -qE "$2" "$1" 2>/dev/null; then return 0; fi
    sleep 0.1
  done
  return 1
}

[ "$(id -u)" = 0 ] || { echo "needs root"; exit 1; }
"$check" "$dir/none.sock" list >"$dir/out"
is "no containerd: an error" $? 1
has "it says what" "$dir/out" '^UNAVAILABLE: containerd: Namespaces.List: '

start_containerd "$dir" || exit 1
export SNAPSHOTTER=native
import_busybox || exit 1
run=(ctr run --snapshotter native --null-io -d)
"${run[@]}" --label app=web --label io.kubernetes.pod.name=web-0 --label io.kubernetes.pod.namespace=shop \
  --label io.kubernetes.container.name=main --annotation io.kubernetes.cri.container-type=container \
  $image c1 /bin/sleep 300 || { tail -n 20 "$dir/log"; exit 1; }
# Labels alone make no pod: an image can have them.
ctr container create --snapshotter native --label io.kubernetes.pod.name=web-0 \
  --label io.kubernetes.pod.namespace=shop --label io.cri-containerd.kind=sandbox $image c2 /bin/sleep 300
"$check" "$socket" list >"$dir/out"
is "list" $? 0
has "a running container with its labels and pod" "$dir/out" \
  "^default/c1 name=main image=$image labels=app=web,.* runtime=io.containerd.runc.v2 pod=shop/web-0 sandbox=0 apparmor= seccomp=0 running=1 started=1$"
has "one that does not run" "$dir/out" '^default/c2 name=c2 .* pod=/ sandbox=0 .* running=0 started=0$'

"$check" "$socket" watch 60 >"$dir/events" &
watcher=$!
wait_for "$dir/events" '^watching$'
is "the watch says when it works" $? 0
"${run[@]}" $image c3 /bin/echo hello
wait_for "$dir/events" '^exited default/c3'
remove_container default c3
wait_for "$dir/events" '^deleted default/c3'
is "events, in order" "$(grep c3 "$dir/events" | cut -d ' ' -f 1,2 | tr '\n' ';')" \
  'defined default/c3;created default/c3;started default/c3;exited default/c3;deleted default/c3;'
has "created has the process" "$dir/events" '^created default/c3 pid=1 known'
has "exited has it too" "$dir/events" '^exited default/c3 pid=1 known$'
has "deleted: it is gone" "$dir/events" '^deleted default/c3 pid=0 gone$'

kill_containerd
wait_for "$dir/events" '^ended: UNAVAILABLE$'
is "the end of containerd is told" $? 0
run_containerd
for _ in $(seq 100); do [ "$(grep -c '^watching$' "$dir/events")" = 2 ] && break; sleep 0.1; done
is "the watch works again" "$(grep -c '^watching$' "$dir/events")" 2
"$check" "$socket" list >"$dir/out"
has "containers that outlived it are listed" "$dir/out" '^default/c1 .* running=1 started=1$'
"${run[@]}" $image c4 /bin/sleep 300
wait_for "$dir/events" '^started default/c4'
is "events after the restart" $? 0
kill "$watcher"
watcher=
echo "$failed failed"
[ $failed = 0 ]
