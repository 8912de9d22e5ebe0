#!/usr/bin/env bash
# Installs from Debian 12 what building, testing and the quickstart need; nothing when all is there.
#   scripts/install_deps.sh [build|run|all|fuzz]     default all; fuzz: what only the fuzz preset needs
# No service is started by the packages' scripts.
set -euo pipefail

# The libraries are those of CMakeLists.txt's find_package lines.
build=(cmake ninja-build g++ ccache pkg-config git ca-certificates
  libabsl-dev libprotobuf-dev protobuf-compiler libgrpc++-dev protobuf-compiler-grpc libssl-dev zlib1g-dev
  libyaml-cpp-dev libspdlog-dev libsqlitecpp-dev libsqlite3-dev prometheus-cpp-dev libhiredis-dev libcli11-dev
  nlohmann-json3-dev libcpp-httplib-dev libgtest-dev libgmock-dev libbenchmark-dev)
run=(tzdata docker.io iptables haproxy nginx libnginx-mod-stream redis-server redis-tools curl jq iproute2 util-linux procps python3 openssl)
fuzz=(clang-14 libclang-rt-14-dev)
test=(clang-format prometheus prometheus-node-exporter docker-registry keepalived)

case ${1:-all} in
  build) want=("${build[@]}") ;;
  run) want=("${build[@]}" "${run[@]}") ;;
  all) want=("${build[@]}" "${run[@]}" "${test[@]}") ;;
  fuzz) want=("${fuzz[@]}") ;;
  *) echo "install_deps.sh: build, run, all or fuzz, not '$1'" >&2; exit 2 ;;
esac

missing=()
for package in "${want[@]}"; do
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0

echo "installing: ${missing[*]}"
root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || { echo "install_deps.sh: run it as root: apt-get install ${missing[*]}" >&2; exit 1; }
  root=(sudo)
fi
# Debian asks this file before it starts a service; an existing one is somebody's choice and stays.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
  "${root[@]}" chmod +x "$policy"
  trap '"${root[@]}" rm -f "$policy"' EXIT
fi
"${root[@]}" apt-get -qq update
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
# Nor at the next boot: only Docker is meant to run by itself.
if [[ -d /run/systemd/system ]]; then
  for unit in haproxy nginx redis-server prometheus prometheus-node-exporter docker-registry keepalived; do
    if [[ " ${missing[*]} " == *" $unit "* ]]; then "${root[@]}" systemctl -q disable "$unit"; fi
  done
fi
