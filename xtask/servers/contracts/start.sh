#!/bin/sh
# Prism in front of the published contract of Jira (platform v3) or PagerDuty (Events v2): it
# answers as the contract's examples say, and refuses what the contract doesn't allow.
#
#   DATAPULSE_TEST_CONTRACTS=FOLDER start.sh jira|pagerduty [PORT]
#
# FOLDER holds jira-platform-v3.openapi.json and pagerduty-events-v2.openapi.json, as their makers
# publish them. It runs on 127.0.0.1 until standard input ends. Then, with what it printed:
#
#   export DATAPULSE_TEST_PRISM_JIRA=… DATAPULSE_TEST_PRISM_PAGERDUTY=…
#   cargo test -p integrations --test contracts -- --ignored
set -eu

here=$(cd "$(dirname "$0")" && pwd)
case "${1-}" in
    jira) variable=DATAPULSE_TEST_PRISM_JIRA port=${2-19310} contract=jira-platform-v3.openapi.json ;;
    pagerduty) variable=DATAPULSE_TEST_PRISM_PAGERDUTY port=${2-19311} contract=pagerduty-events-v2.openapi.json ;;
    *)
        echo "usage: DATAPULSE_TEST_CONTRACTS=FOLDER start.sh jira|pagerduty [PORT]" >&2
        exit 2
        ;;
esac
file=${DATAPULSE_TEST_CONTRACTS:?says where the contracts are}/$contract
if [ ! -d "$here/node_modules" ]; then
    (cd "$here" && npm ci --no-audit --no-fund >&2)
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

if [ "$1" = jira ]; then
    node "$here/slim.mjs" "$file" "$folder/contract.json"
else
    cp "$file" "$folder/contract.json"
fi
node "$here/node_modules/@stoplight/prism-cli/dist/index.js" mock -h 127.0.0.1 -p "$port" \
    "$folder/contract.json" < /dev/null >&2 &
server=$!
echo "$variable=http://127.0.0.1:$port"
cat > /dev/null
