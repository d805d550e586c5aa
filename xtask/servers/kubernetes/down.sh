#!/bin/bash
# Ends what up.sh started, and deletes its folder.
#   down.sh [FOLDER]  as given to up.sh
set -uo pipefail
cache=${DATAPULSE_TEST_SERVERS:-$HOME/.cache/datapulse-test-servers}/kubernetes
run=${1:-$cache/run}
for name in kwok scheduler manager apiserver etcd; do
  pid=$(cat "$run/$name.pid" 2> /dev/null) || continue
  kill "$pid" 2> /dev/null && tail --pid="$pid" -f /dev/null
  rm -f "$run/$name.pid"
done
rm -rf "$run/etcd" "$run/certs" "$run/manager" "$run/scheduler" "$run"/*.log "$run/sa.key" "$run/tokens.csv" "$run/kubeconfig"
rmdir "$run" 2> /dev/null || true
