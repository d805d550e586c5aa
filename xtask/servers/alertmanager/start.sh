#!/bin/sh
# A real Alertmanager for tests, from Debian's packages, with Prometheus beside it.
#
#   start.sh --install                  gets both where they are missing and prints what the tests want:
#       export $(xtask/servers/alertmanager/start.sh --install)
#       cargo test -p integrations --test alertmanager -- --ignored
#   DATAPULSE_TOKEN=… start.sh URL [PORT]    runs one on 127.0.0.1 that tells DataPulse at URL, until
#                                            standard input ends; PORT is 19093 unless given
set -eu

has() {
    command -v "$1" > /dev/null 2>&1
}

install_missing() {
    if has prometheus-alertmanager && has prometheus; then
        return
    fi
    if ! has apt-get; then
        echo "start.sh: needs prometheus-alertmanager and prometheus, and there is no apt-get to get them" >&2
        exit 1
    fi
    apt-get install -y --no-install-recommends prometheus prometheus-alertmanager >&2
}

install_missing
if [ "${1-}" = --install ]; then
    echo "DATAPULSE_TEST_ALERTMANAGER=$(command -v prometheus-alertmanager)"
    echo "DATAPULSE_TEST_PROMETHEUS=$(command -v prometheus)"
    exit 0
fi
if [ $# -lt 1 ] || [ -z "${DATAPULSE_TOKEN-}" ]; then
    echo "usage: DATAPULSE_TOKEN=... start.sh URL [PORT], or start.sh --install" >&2
    exit 2
fi

folder=$(mktemp -d)
server=
finish() {
    if [ -n "$server" ]; then
        kill "$server" 2> /dev/null || true
        wait "$server" 2> /dev/null || true
    fi
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM

umask 077
printf %s "$DATAPULSE_TOKEN" > "$folder/token"
cat > "$folder/alertmanager.yml" <<CONFIGURATION
route: {receiver: datapulse, group_by: [alertname, service], group_wait: 1s, group_interval: 2s, repeat_interval: 1h}
receivers:
- name: datapulse
  webhook_configs:
  - url: $1/api/datapulse/v1/webhook/integrations/alertmanager
    send_resolved: true
    max_alerts: 1000
    http_config: {authorization: {credentials_file: $folder/token}}
CONFIGURATION
prometheus-alertmanager --config.file="$folder/alertmanager.yml" --storage.path="$folder/data" \
    --web.listen-address="127.0.0.1:${2-19093}" --cluster.listen-address= < /dev/null &
server=$!
echo "start.sh: http://127.0.0.1:${2-19093}; amtool --alertmanager.url=http://127.0.0.1:${2-19093} alert add DiskFull service=db severity=warning" >&2
cat > /dev/null
