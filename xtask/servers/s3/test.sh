#!/usr/bin/env bash
# Starts the S3 server, runs the anchors' tests on it, and ends it. Arguments go to the tests:
#
#   xtask/servers/s3/test.sh [NAME OF A TEST]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
coproc server { "$here/start.sh"; }
read -r url <&"${server[0]}"
cd "$here/../../.."
DATAPULSE_TEST_S3=$url cargo test -p integrations --test anchors -- --include-ignored "$@"
