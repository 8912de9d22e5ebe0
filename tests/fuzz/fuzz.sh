#!/usr/bin/env bash
# Looks for inputs that break an invariant of a fuzz target, from the kept corpus on. New inputs that reach new code
# stay in build/fuzz/corpus/TARGET for the next run; a finding is written to build/fuzz/ and shown.
#   tests/fuzz/fuzz.sh policy|step|join SECONDS
# Needs the fuzz preset's build: cmake --preset fuzz && cmake --build --preset fuzz. Exit code 0: no finding.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target=${1:?policy, step or join} seconds=${2:?seconds}
new=build/fuzz/corpus/$target
mkdir -p "$new"
dictionary=tests/fuzz/$target.dict
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
build/fuzz/bin/fuzz-"$target" ${dictionary:+$([[ -e $dictionary ]] && echo "-dict=$dictionary")} -max_total_time="$seconds" \
  -max_len=1024 -timeout=30 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix=build/fuzz/ "$new" "tests/fuzz/corpus/$target"
