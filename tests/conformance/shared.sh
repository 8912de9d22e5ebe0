#!/usr/bin/env bash
# Runs the case files that lie beside the repository, where they are there: shared.sh PROGRAM
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
shared=${DROVER_SHARED:-$root/../shared}
shopt -s nullglob
files=("$shared"/conformance/*.json)
((${#files[@]})) || { echo "no case files in $shared/conformance"; exit 77; }
exec "$1" "${files[@]}"
