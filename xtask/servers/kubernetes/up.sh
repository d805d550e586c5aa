#!/bin/bash
# Starts a real control plane with one pretended node on 127.0.0.1, in about four seconds, and
# prints the path of an administrator's kubeconfig.
#   up.sh [FOLDER]  for its data and logs (default: run, in the cache folder); down.sh ends it
#   PORT            of the API server (default 16443); the five after it are taken too
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=$("$here/build.sh")
run=${1:-$cache/run}
port=${PORT:-16443}
manager=$((port + 1)) scheduler=$((port + 2)) etcd=$((port + 3)) peer=$((port + 4)) kubelet=$((port + 5))
mkdir -p "$run"
run=$(cd "$run" && pwd)
[ ! -e "$run/apiserver.pid" ] || { echo "it runs already in $run: down.sh ends it" >&2; exit 1; }
plane=$cache/controlplane

# For this run alone; whoever holds it is administrator of an empty cluster on this machine.
token=$(openssl rand -hex 16)
openssl genrsa -out "$run/sa.key" 2048 2> /dev/null
echo "$token,admin,1,\"system:masters\"" > "$run/tokens.csv"
cat > "$run/kubeconfig" <<K
apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: 'https://127.0.0.1:$port', certificate-authority: $run/certs/apiserver.crt}}]
users: [{name: admin, user: {token: $token}}]
contexts: [{name: test, context: {cluster: test, user: admin}}]
current-context: test
K
chmod 600 "$run/tokens.csv" "$run/kubeconfig"

start() {
  local name=$1
  shift
  "$@" > "$run/$name.log" 2>&1 &
  echo $! > "$run/$name.pid"
}
admin=(--kubeconfig "$run/kubeconfig" --authentication-kubeconfig "$run/kubeconfig" --authorization-kubeconfig "$run/kubeconfig" --leader-elect=false --bind-address 127.0.0.1)

start etcd "$plane" etcd --data-dir "$run/etcd" --unsafe-no-fsync --log-level error \
  --listen-client-urls "http://127.0.0.1:$etcd" --advertise-client-urls "http://127.0.0.1:$etcd" \
  --listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" --initial-cluster "default=http://127.0.0.1:$peer"
start apiserver "$plane" apiserver --etcd-servers "http://127.0.0.1:$etcd" --bind-address 127.0.0.1 --advertise-address 127.0.0.1 \
  --secure-port "$port" --cert-dir "$run/certs" --service-account-key-file "$run/sa.key" --service-account-signing-key-file "$run/sa.key" \
  --service-account-issuer "https://127.0.0.1:$port" --service-cluster-ip-range 10.0.0.0/24 --token-auth-file "$run/tokens.csv" \
  --authorization-mode RBAC --endpoint-reconciler-type none --disable-admission-plugins TaintNodesByCondition

api=https://127.0.0.1:$port
for _ in $(seq 300); do
  [ "$(curl -sk -H "Authorization: Bearer $token" "$api/readyz")" = ok ] && break
  sleep 0.1
done
[ "$(curl -sk -H "Authorization: Bearer $token" "$api/readyz")" = ok ] || { tail -5 "$run"/*.log >&2; "$here/down.sh" "$run"; exit 1; }

# Without the node lifecycle controller: pods stay ready where kwok is late.
start manager "$plane" controller-manager "${admin[@]}" --secure-port "$manager" --cert-dir "$run/manager" \
  --service-account-private-key-file "$run/sa.key" --use-service-account-credentials=false --controllers='*,-node-lifecycle-controller,-taint-eviction-controller'
start scheduler "$plane" scheduler "${admin[@]}" --secure-port "$scheduler" --cert-dir "$run/scheduler"
start kwok "$cache/kwok" --kubeconfig "$run/kubeconfig" --manage-all-nodes=true --config "$cache/stages.yaml" --server-address "127.0.0.1:$kubelet"
curl -sk -o /dev/null -H "Authorization: Bearer $token" -H 'Content-Type: application/json' "$api/api/v1/nodes" --data-binary \
  '{"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"},"status":{"allocatable":{"cpu":"32","memory":"256Gi","pods":"110"},"capacity":{"cpu":"32","memory":"256Gi","pods":"110"}}}'
echo "$run/kubeconfig"
