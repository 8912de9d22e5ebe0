#!/usr/bin/env bash
# The runs that are too long for every commit. What they showed goes to docs/results/DATE-MODE.md: commit,
# commands, closing lines. Needs the builds that ./test.sh makes; a machine that does nothing else.
#   tests/long_runs.sh nightly     10,000 simulated cluster-hours, the mutations, the benchmarks, fuzzing for minutes, end-to-end under asan and tsan (~4 h)
#   tests/long_runs.sh soak        an hour of fresh simulator seeds, an hour of each fuzz target, every kill test 20 times (~5 h)
# Exit code 0: everything held.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
mode=${1:?nightly or soak}
results=docs/results/$(date -u +%F)-$mode.md
log=build/$mode.log
failed=0

run() { # run LINES TITLE COMMAND...: all of its output to the log, the last LINES of it to the results
  local lines=$1 title=$2 began=$SECONDS verdict=held; shift 2
  printf '\n== %s: %s\n' "$title" "$*" | tee -a "$log"
  "$@" >"build/$mode.part" 2>&1 || { verdict=FAILED; failed=1; }
  cat "build/$mode.part" >>"$log"
  tail -n "$lines" "build/$mode.part"
  {
    printf '\n## %s: %s, %d min %02d s\n\n    %s\n\n' "$title" "$verdict" $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60)) "$*"
    tail -n "$lines" "build/$mode.part" | sed 's/^/    /'
  } >>"$results"
}

end_to_end() { # end_to_end PRESET CTEST-ARGUMENTS...: with the programs of that build
  local preset=$1; shift
  env DROVER_TEST_REQUIRE=1 DROVER_BIN="$PWD/build/$preset/bin" TSAN_OPTIONS="halt_on_error=1:ignore_noninstrumented_modules=1:suppressions=$PWD/tests/tsan.supp" \
    ctest --test-dir build/release --output-on-failure --no-tests=error "$@"
}

fresh_seeds() { # an hour of seeds that no run before has tried
  local first=$(($(date +%s) / 10 * 1000)) until=$((SECONDS + 3600)) count=0
  while ((SECONDS < until)); do
    build/release/bin/drover-sim --seeds "$first..$((first + 99))" --hours 0.5 --jobs "$(nproc)" || return 1
    first=$((first + 100)) count=$((count + 100))
  done
  echo "$count seeds held, up to $((first - 1))"
}

mkdir -p docs/results
: >"$log"
{
  echo "# $mode, $(date -u +%F)"
  echo
  echo "Commit $(git rev-parse --short=12 HEAD)$([[ -z $(git status --porcelain -uno) ]] || echo ' with changes'), $(nproc) cores, made by \`./test.sh $mode\`."
} >"$results"

case $mode in
  nightly)
    run 3 "Simulator, 10,000 cluster-hours over 2,000 seeds" build/release/bin/drover-sim --seeds 1..2000 --hours 5 --jobs "$(nproc)"
    run 15 "Simulator, deliberate faults" tests/sim/mutations/run.sh
    run 5 "Cost of a report" tests/bench/fleet.py
    run 8 "Cost of an agent" tests/bench/agent_cost.py
    run 12 "Reaction, 100 rounds" tests/bench/reaction.py --runs 100
    run 8 "Nothing lost behind the balancer, 1,000 replacements, 50 times zero" tests/bench/balancer.py
    run 6 "Parts killed under load, 10 times each" tests/bench/kills.py
    run 24 "Changes at a balancer: one replica 100 times, 1,000 backends at once" build/release/bin/drover-edge-bench change 100 1000
    run 12 "From zero, 100 requests at once, 50 rounds" tests/bench/zero.py
    run 8 "Drover and Docker Swarm side by side" tests/bench/swarm.py
    run 26 "A cluster of five hosts, 100 faults" tests/bench/faults.py
    run 16 "The crash of a host, Drover and Docker Swarm side by side" tests/bench/swarm_crash.py
    run 12 "Promise kept as predicted" tests/bench/promise.py
    run 12 "Promise beyond max, as predicted" tests/bench/promise.py --from-second 1920 --peak 13
    run 12 "Fuzzing policies, 10 minutes" tests/fuzz/fuzz.sh policy 600
    run 12 "Fuzzing events, 10 minutes" tests/fuzz/fuzz.sh step 600
    run 12 "Fuzzing requests to join, 5 minutes" tests/fuzz/fuzz.sh join 300
    run 12 "End-to-end, address and undefined-behaviour sanitizers" end_to_end asan -L e2e
    run 12 "End-to-end, thread sanitizer" end_to_end tsan -L e2e
    ;;
  soak)
    run 3 "Simulator, an hour of fresh seeds" fresh_seeds
    run 12 "Fuzzing policies, an hour" tests/fuzz/fuzz.sh policy 3600
    run 12 "Fuzzing events, an hour" tests/fuzz/fuzz.sh step 3600
    run 12 "Fuzzing requests to join, an hour" tests/fuzz/fuzz.sh join 3600
    run 12 "Kill tests, 20 rounds" end_to_end release -R 'e2e.kill' --repeat until-fail:20
    ;;
  *) echo "long_runs.sh: $mode: nightly or soak" >&2; exit 2 ;;
esac
echo "results: $results"
exit $failed
