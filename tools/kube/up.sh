#!/bin/bash
# Starts etcd and kube-apiserver on free ports of 127.0.0.1, with RBAC, TLS and everything they write
# in one directory. Started again over the same directory, it goes on with the data and the port
# that are there.
#
# usage: tools/kube/up.sh [--node|--extensions] DIR [API_SERVER_FLAG]...
#     --node    for node_up.sh, in a network of its own: on all addresses, port 443, with service
#               accounts, and calls of webhooks straight to their pods
#     --extensions    custom resources come from a newer server beside it (extensions_up.sh)
#
# DIR/env then says where things are, as NAME=VALUE lines that a shell can source:
#   KUBECONFIG             an administrator, by client certificate
#   KUBE_SERVER, KUBE_CA   https://127.0.0.1:PORT and the file of the CA
#   KUBE_TOKENS            token,user,uid,groups: admin-token and nobody-token; read at start
#   KUBE_ETCD              http://127.0.0.1:PORT
#   KUBE_DIR, KUBE_BIN     DIR, and the directory of kubectl and others
#   KUBE_API_PID, KUBE_ETCD_PID
# DIR/log has the logs. tools/kube/down.sh DIR stops both.
#
# The programs come from tools/kube/build.sh, which builds them when they are missing.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=common.sh
. "$here/common.sh"
node=no extensions=no
case ${1:-} in
  --node) node=yes; shift ;;
  --extensions) extensions=yes; shift ;;
esac
[ $# -ge 1 ] || { sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '$d' >&2; exit 2; }
mkdir -p "$1"/{pki,etcd,log}
dir=$(realpath "$1")
shift
[ $extensions = no ] || touch "$dir/extensions"
bin=$("$here/build.sh" kube-apiserver kubectl)
etcd=etcd
[ ! -e "$dir/extensions" ] || etcd=$("$here/extensions_build.sh")/etcd
command -v "$etcd" >/dev/null || { echo "kube up: etcd is missing; tools/setup.sh installs etcd-server" >&2; exit 1; }
cd "$dir"

die() { echo "kube up: $*" >&2; exit 1; }

new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "pki/$1.key"; }

# sign NAME SUBJECT [ALTERNATIVE_NAMES]
sign() {
  new_key "$1"
  openssl req -new -key "pki/$1.key" -subj "$2" -out "pki/$1.csr"
  openssl x509 -req -in "pki/$1.csr" -CA pki/ca.crt -CAkey pki/ca.key -CAcreateserial -days 30 -out "pki/$1.crt" \
    -extfile <(printf 'extendedKeyUsage=serverAuth,clientAuth\n%s\n' "${3:+subjectAltName=$3}")
}

make_pki() {
  new_key ca
  openssl req -x509 -new -key pki/ca.key -subj /CN=varmor-test-ca -days 30 -out pki/ca.crt
  sign server /CN=kube-apiserver IP:127.0.0.1,IP:10.0.0.1,DNS:localhost,DNS:kubernetes.default.svc
  sign admin /O=system:masters/CN=admin
  sign extensions /CN=extensions IP:127.0.0.1,DNS:localhost,DNS:extensions.default.svc
  sign aggregator /CN=aggregator
  openssl genrsa -out pki/service-account.key 2048
  openssl rsa -in pki/service-account.key -pubout -out pki/service-account.pub
  printf '%s\n' 'admin-token,admin,1,"system:masters"' nobody-token,nobody,2 >tokens.csv
  touch pki/made
}

write_kubeconfig() {
  cat >kubeconfig <<END
apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: admin}}]
clusters: [{name: test, cluster: {server: "https://127.0.0.1:$api_port", certificate-authority: pki/ca.crt}}]
users: [{name: admin, user: {client-certificate: pki/admin.crt, client-key: pki/admin.key}}]
END
}

start_etcd() {
  # Times are those of one machine that keeps the disk busy: no waiting for the disk, and patience.
  setsid "$etcd" --name test --data-dir etcd --unsafe-no-fsync --logger zap --log-level warn \
    --heartbeat-interval 500 --election-timeout 5000 \
    --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
    --listen-peer-urls "http://127.0.0.1:$peer_port" --initial-advertise-peer-urls "http://127.0.0.1:$peer_port" \
    --initial-cluster "test=http://127.0.0.1:$peer_port" >>log/etcd.log 2>&1 </dev/null &
  echo $! >etcd.pid
}

# ServiceAccount admission refuses pods until a controller made each namespace's account;
# TaintNodesByCondition keeps pods off nodes made by hand; 127.0.0.1 cannot be an endpoint.
start_server() {
  local flags=(--bind-address=127.0.0.1 --disable-admission-plugins=ServiceAccount,TaintNodesByCondition)
  [ $node = no ] || flags=(--bind-address=0.0.0.0 --disable-admission-plugins=TaintNodesByCondition
    --enable-aggregator-routing=true --kubelet-client-certificate=pki/admin.crt --kubelet-client-key=pki/admin.key)
  [ ! -e extensions ] || flags+=(--requestheader-client-ca-file=pki/ca.crt --requestheader-allowed-names=aggregator
    --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group
    --requestheader-extra-headers-prefix=X-Remote-Extra-
    --proxy-client-cert-file=pki/aggregator.crt --proxy-client-key-file=pki/aggregator.key)
  setsid "$bin/kube-apiserver" --etcd-servers="http://127.0.0.1:$etcd_port" \
    --advertise-address=127.0.0.1 --secure-port="$api_port" --cert-dir=pki "${flags[@]}" \
    --tls-cert-file=pki/server.crt --tls-private-key-file=pki/server.key \
    --client-ca-file=pki/ca.crt --token-auth-file=tokens.csv --authorization-mode=RBAC \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file=pki/service-account.pub \
    --service-account-signing-key-file=pki/service-account.key --service-cluster-ip-range=10.0.0.0/24 \
    --enable-admission-plugins=MutatingAdmissionWebhook,ValidatingAdmissionWebhook \
    --allow-privileged=true --endpoint-reconciler-type=none "$@" >>log/apiserver.log 2>&1 </dev/null &
  echo $! >apiserver.pid
}

is_ready() {
  [ "$(curl -s --noproxy '*' --max-time 2 --cert pki/admin.crt --key pki/admin.key --cacert pki/ca.crt \
    "https://127.0.0.1:$api_port/readyz")" = ok ]
}

! runs apiserver.pid kube-apiserver || die "a server runs over $dir already; tools/kube/down.sh stops it"
[ -f pki/made ] || make_pki 2>log/openssl.log || die "no certificates; see $dir/log/openssl.log"
started=$(date +%s%N)
if runs etcd.pid etcd; then
  etcd_port=$(cat etcd.port)
else
  etcd_port=$(free_port) peer_port=$(free_port)
  echo "$etcd_port" >etcd.port
  start_etcd
fi
[ $node = no ] || echo 443 >api.port
[ -f api.port ] || free_port >api.port
api_port=$(cat api.port)
write_kubeconfig
start_server "$@"
printf '%s\n' KUBECONFIG="$dir/kubeconfig" KUBE_SERVER="https://127.0.0.1:$api_port" KUBE_CA="$dir/pki/ca.crt" \
  KUBE_TOKENS="$dir/tokens.csv" KUBE_ETCD="http://127.0.0.1:$etcd_port" KUBE_DIR="$dir" KUBE_BIN="$bin" \
  KUBE_API_PID="$(cat apiserver.pid)" KUBE_ETCD_PID="$(cat etcd.pid)" >"env"
deadline=$((SECONDS + 120))
until is_ready; do
  runs apiserver.pid kube-apiserver || { tail -n 5 log/apiserver.log >&2; die "kube-apiserver ended; see $dir/log"; }
  [ $SECONDS -lt $deadline ] || { "$here/down.sh" "$dir"; die "kube-apiserver was not ready in 120 s; see $dir/log"; }
  sleep 0.1
done
[ ! -e extensions ] || "$here/extensions_up.sh" "$dir"
echo "kube up: ready after $((($(date +%s%N) - started) / 1000000)) ms, in $dir"
