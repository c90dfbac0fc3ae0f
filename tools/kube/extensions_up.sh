#!/bin/bash
# Puts a newer apiextensions-apiserver (extensions_build.sh) beside the API server that up.sh started
# with --extensions, over the same etcd, and routes our custom resources to it: whoever asks for
# them asks the API server as ever, which passes the request on. up.sh calls this.
#
# usage: tools/kube/extensions_up.sh DIR
#
# The definitions of runtime/deploy/crds (and the one of the suite `client`) are at both: at the API server, where tests apply them and
# which then does not use them, and here. DIR/env gets KUBE_EXTENSIONS, the address of this server; it
# knows the same users. DIR/log/extensions.log is its log; down.sh stops it.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=common.sh
. "$here/common.sh"
[ $# = 1 ] && [ -f "$1/env" ] || { sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '$d' >&2; exit 2; }
dir=$(realpath "$1")
cd "$dir"
# shellcheck disable=SC1091
. ./env
export KUBECONFIG

die() { echo "kube extensions: $*; see $dir/log/extensions.log" >&2; exit 1; }

# What asks the API server for things that 1.20 has not is off. This server asks DNS for the Services of
# webhooks, as an API server does not: it sees names of its own, and no DNS.
start() {
  printf '127.0.0.1 %s\n' localhost varmor-webhook-svc.varmor.svc >hosts
  # shellcheck disable=SC2016
  setsid unshare --mount --map-root-user bash -c 'mount --bind hosts /etc/hosts && mount --bind /dev/null /etc/resolv.conf && exec "$@"' - \
    "$programs/apiextensions-apiserver" --bind-address=127.0.0.1 --secure-port="$port" \
    --etcd-servers="$KUBE_ETCD" --etcd-prefix=/extensions --kubeconfig=kubeconfig \
    --authentication-kubeconfig=kubeconfig --authorization-kubeconfig=kubeconfig \
    --tls-cert-file=pki/extensions.crt --tls-private-key-file=pki/extensions.key \
    --enable-priority-and-fairness=false \
    --disable-admission-plugins=ValidatingAdmissionPolicy,MutatingAdmissionPolicy \
    >>log/extensions.log 2>&1 </dev/null &
  echo $! >extensions.pid
}

# routes GROUP/VERSION...
routes() {
  printf '%s\n' 'apiVersion: v1' 'kind: List' 'items:' \
    "- {apiVersion: v1, kind: Service, metadata: {name: extensions, namespace: default}," \
    "   spec: {type: ExternalName, externalName: localhost, ports: [{port: $port}]}}"
  for each; do
    printf '%s\n' "- {apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: ${each#*/}.${each%/*}}," \
      "   spec: {group: ${each%/*}, version: ${each#*/}, groupPriorityMinimum: 1000, versionPriority: 100," \
      "          service: {name: extensions, namespace: default, port: $port}, caBundle: $(base64 -w 0 pki/ca.crt)}}"
  done
}

# wait_for SECONDS WHAT COMMAND...
wait_for() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || die "$what took too long"
    kill -0 "$(cat extensions.pid)" 2>/dev/null || die "apiextensions-apiserver ended"
    sleep 0.2
  done
}

programs=$("$here/extensions_build.sh")
[ -f extensions.port ] || free_port >extensions.port
port=$(cat extensions.port)
kubectl=("$KUBE_BIN/kubectl" --request-timeout=20s)
runs extensions.pid apiextensions-apiserver || start
echo "KUBE_EXTENSIONS=https://127.0.0.1:$port" >>"env"
wait_for 120 "the start" "${kubectl[@]}" --server "https://127.0.0.1:$port" get --raw /readyz
"$here/extensions_define.sh" "$dir" "$here"/{../../runtime/deploy/crds/*,suites/client/widgets}.yaml >>log/extensions.log
routes crd.varmor.org/v1beta1 test.varmor.org/v1 | "${kubectl[@]}" apply -f - >>log/extensions.log
wait_for 60 "the route" "${kubectl[@]}" wait --for=condition=Available \
  apiservice/v1beta1.crd.varmor.org apiservice/v1.test.varmor.org
wait_for 60 "a first answer" "${kubectl[@]}" get varmorpolicies,widgets.test.varmor.org --all-namespaces
