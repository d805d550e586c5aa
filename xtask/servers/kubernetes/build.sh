#!/bin/bash
# Builds the control plane and kwok into the cache folder, once: about 12 minutes and 260 MB, of
# Go modules alone. Needs Go 1.26 or newer.
#   DATAPULSE_TEST_SERVERS  the cache folder (default: ~/.cache/datapulse-test-servers)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${DATAPULSE_TEST_SERVERS:-$HOME/.cache/datapulse-test-servers}/kubernetes
version=1.37.2
kwok=v0.7.0
stamp="kubernetes $version, kwok $kwok, $(cat "$here/main.go" "$here/pod-crash.yaml" | sha256sum)"

if [ "$(cat "$cache/built-from" 2> /dev/null)" = "$stamp" ]; then
  echo "$cache"
  exit
fi
command -v go > /dev/null || { echo "building Kubernetes for tests needs Go 1.26 or newer" >&2; exit 1; }
mkdir -p "$cache/src"
cd "$cache/src"
cp "$here/main.go" .
rm -f go.mod go.sum

# Kubernetes replaces its parts by folders of its own tree; here they are modules of their own.
module=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/.*"GoMod": "\(.*\)",/\1/p')
{
  printf 'module controlplane\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes v%s\n\nreplace (\n' "$version"
  sed -nE "s#^\t(k8s\.io/[a-z0-9-]+) => \./staging.*#\t\1 => \1 v0.${version#1.}#p" "$module"
  echo ')'
} > go.mod
GOFLAGS=-mod=mod go mod tidy
said=k8s.io/component-base/version
CGO_ENABLED=0 GOFLAGS=-mod=mod nice -n 10 go build -trimpath \
  -ldflags "-s -w -X $said.gitVersion=v$version -X $said.gitMajor=1 -X $said.gitMinor=37" -o ../controlplane .
GOBIN=$cache nice -n 10 go install "sigs.k8s.io/kwok/cmd/kwok@$kwok"

# kwok's own stages, but a pod of the image app:bad doesn't become ready: it crashes, again and again.
stages=$(go env GOMODCACHE)/sigs.k8s.io/kwok@$kwok/kustomize/stage
{
  for stage in node/fast/node-initialize node/heartbeat-with-lease/node-heartbeat-with-lease pod/fast/pod-delete pod/fast/pod-complete; do
    cat "$stages/$stage.yaml"
    echo ---
  done
  sed "s/    - key: '.status.podIP'/    - key: '.spec.containers.[].image'\n      operator: 'NotIn'\n      values: ['app:bad']\n&/" "$stages/pod/fast/pod-ready.yaml"
  echo ---
  cat "$here/pod-crash.yaml"
} > "$cache/stages.yaml"
echo "$stamp" > "$cache/built-from"
echo "$cache"
