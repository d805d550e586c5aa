#!/usr/bin/env bash
# Microsoft's reader of Adaptive Cards (MIT) and markdown-it (MIT), from npm at fixed versions, for
# tests alone.
#
#   xtask/servers/adaptivecards/install.sh      prints DATAPULSE_TEST_CARDS=the folder with check.cjs
#
# Needs Node.js 20 with npm.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
folder=${CARGO_TARGET_DIR:-$here/../../../target}/servers/adaptivecards
mkdir -p "$folder"
if ! cmp -s "$here/package-lock.json" "$folder/package-lock.json" || [ ! -d "$folder/node_modules" ]; then
    cp "$here/package.json" "$here/package-lock.json" "$folder/"
    (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --silent) >&2
fi
cp "$here/check.cjs" "$folder/"
echo "DATAPULSE_TEST_CARDS=$(cd "$folder" && pwd)"
