#!/usr/bin/env bash
# A real SMTP server for tests: aiosmtpd (Apache-2.0), with STARTTLS, implicit TLS and a login, which
# puts off, refuses and hangs up as the recipient's name says (see server.py). Installed once into a
# venv of fixed versions, listens on loopback only, and runs until its standard input ends.
#
#   xtask/servers/smtp/start.sh      prints DATAPULSE_TEST_SMTP=JSON when it is ready
#
# Needs python3 with venv.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
venv=${CARGO_TARGET_DIR:-$here/../../../target}/servers/smtp
if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" >&2
    cp "$here/requirements.txt" "$venv/requirements.txt"
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$venv/bin/python" "$here/server.py" "$folder"
