#!/usr/bin/env bash
# A real S3 server for tests: versitygw (Apache-2.0) over a folder, with versions, object lock and
# accounts of its own. Fetched and built once, listens on loopback only, keeps nothing, and runs
# until its standard input ends.
#
#   xtask/servers/s3/start.sh [PORT]      prints http://127.0.0.1:PORT when it is ready
#
# Needs Go, curl and bash. Buckets: anchors; anchors-locked, with versions and object lock. Accounts:
# root, who may do everything, and writer, who may do what docs/anchors.md lists and no more.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
version=v1.8.0
port=${1:-0}
built=${CARGO_TARGET_DIR:-$here/../../../target}/servers/s3
gateway=$built/versitygw-$version
if [ ! -x "$gateway" ]; then
    mkdir -p "$built"
    GOBIN=$built go install "github.com/versity/versitygw/cmd/versitygw@$version" >&2
    mv "$built/versitygw" "$gateway"
fi

# A port that nobody has right now.
if [ "$port" = 0 ]; then
    for _ in $(seq 50); do
        port=$((20000 + RANDOM % 20000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
fi

folder=$(mktemp -d)
mkdir "$folder/data" "$folder/versions" "$folder/accounts"
export ROOT_ACCESS_KEY=root ROOT_SECRET_KEY=root-for-tests-only
"$gateway" --port "127.0.0.1:$port" --quiet --virtual-domain s3.localhost \
    --iam-dir "$folder/accounts" \
    posix --versioning-dir "$folder/versions" "$folder/data" >"$folder/log" 2>&1 </dev/null &
pid=$!
trap 'kill $pid 2>/dev/null || true; wait $pid 2>/dev/null || true; rm -rf "$folder"' EXIT
trap 'exit 0' INT TERM

for _ in $(seq 100); do
    if ! kill -0 $pid 2>/dev/null; then
        cat "$folder/log" >&2
        exit 1
    fi
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    sleep 0.1
done

# A signed request by root: METHOD PATH [FILE | -H HEADER].
ask() {
    local method=$1 path=$2 file=/dev/null
    shift 2
    if [ $# = 1 ]; then
        file=$1
        shift
    fi
    curl --silent --show-error --fail-with-body --output /dev/null --request "$method" \
        --aws-sigv4 aws:amz:us-east-1:s3 --user "$ROOT_ACCESS_KEY:$ROOT_SECRET_KEY" \
        --header "x-amz-content-sha256: $(sha256sum <"$file" | cut -c1-64)" \
        --data-binary "@$file" "$@" "http://127.0.0.1:$port/$path" >&2
}

"$gateway" admin --access root --secret "$ROOT_SECRET_KEY" --endpoint-url "http://127.0.0.1:$port" \
    create-user --access writer --secret writer-for-tests-only --role user >&2
ask PUT anchors
ask PUT anchors-locked -H 'x-amz-bucket-object-lock-enabled: true'
ask PUT 'anchors?policy=' "$here/writer.json"
sed 's/:::anchors/:::anchors-locked/' "$here/writer.json" >"$folder/locked.json"
ask PUT 'anchors-locked?policy=' "$folder/locked.json"

echo "http://127.0.0.1:$port"
# Whoever started it holds its standard input: when that ends, it ends.
cat >/dev/null
