#!/usr/bin/env bash
# Makes the example images drover/example-web:1 and drover/example-worker:1 without a registry:
# a root file system with one static program in it, imported by the engine.
#
#   deploy/examples/images.sh [DIR]     DIR: where the programs are (default build/release/bin/examples)
#
# Works on the engine that `docker` speaks to (DOCKER_HOST). An image that has this very program is left alone,
# so that its id stays the same.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
dir=${1:-$root/build/release/bin/examples}

make_image() { # make_image NAME PROGRAM CHANGE...
  local name=$1 program=$dir/$2 change args=() sum tree
  shift 2
  [[ -x $program ]] || { echo "images.sh: no $program: build drover-example-web and drover-example-worker first" >&2; exit 1; }
  sum=$(sha256sum "$program" | cut -c1-64)
  if [[ $(docker image inspect -f '{{index .Config.Labels "io.drover.example.sha256"}}' "$name" 2>/dev/null) == "$sum" ]]; then
    return
  fi
  for change in "$@" "LABEL io.drover.example.sha256=$sum"; do args+=(--change "$change"); done
  tree=$(mktemp -d)
  install -m 755 "$program" "$tree/app"
  mkdir -p "$tree"/{etc,tmp}
  echo 'app:x:1000:1000::/:/app' >"$tree/etc/passwd"
  tar -C "$tree" --numeric-owner --owner=0 --group=0 -c . | docker import "${args[@]}" - "$name" >/dev/null
  rm -rf "$tree"
  echo "images.sh: $name"
}

make_image drover/example-web:1 drover-example-web 'EXPOSE 8000' 'USER 1000' 'ENTRYPOINT ["/app"]'
make_image drover/example-worker:1 drover-example-worker 'USER 1000' 'ENTRYPOINT ["/app"]'
