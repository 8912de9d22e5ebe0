#!/usr/bin/env bash
# All benchmarks, one after the other, on a machine that does nothing else.
# Text for people; each has -o json.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit
failed=0
for bench in fleet agent_cost reaction; do
  echo "-- $bench"
  python3 "$bench.py" || failed=1
done
exit $failed
