#!/usr/bin/env bash
# Builds Drover and runs its tests, on a Debian 12 that may have nothing installed.
#
#   ./test.sh           everything: release build, all of its tests (unit, scenarios, properties, tidy, simulator,
#                       integration, end-to-end on Docker, HAProxy and Redis), and unit and simulator tests built
#                       with address+undefined and with thread sanitizers; at most 40 minutes on 2 cores
#   ./test.sh unit      the fast ones; under a minute once built
#   ./test.sh NAME      those whose name matches the regular expression NAME (`ctest -R`)
#   ./test.sh nightly   10,000 simulated cluster-hours, mutations, benchmarks, fuzzing, end-to-end under the sanitizers; about 4 hours
#   ./test.sh soak      an hour of fresh simulator seeds, an hour of each fuzz target, the kill tests 20 times; about 5 hours
#
# nightly and soak write what they showed to docs/results/.
# Ends with ctest's summary; exit code 0: all passed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
jobs=$(nproc)

section() { printf '\n== %s (%d:%02d)\n' "$1" $((SECONDS / 60)) $((SECONDS % 60)); }

build() { # build PRESET TARGET...
  local preset=$1; shift
  section "build $preset: $*"
  cmake --preset "$preset" >"build/$preset.configure.log" 2>&1 || { cat "build/$preset.configure.log"; exit 1; }
  cmake --build --preset "$preset" --parallel "$jobs" --target "$@"
}

run_ctest() { ctest --test-dir build/release --output-on-failure --parallel "$jobs" --no-tests=error "$@"; }

everything() {
  build release all
  build asan unit_tests
  build tsan unit_tests
  section "tests"
  # Without this a missing part (an engine, a sanitizer build) is a skipped test; here it is a failed one.
  # End-to-end tests wait for real programs on a machine that may be busy: one that fails is tried once more.
  DROVER_TEST_REQUIRE=1 run_ctest -LE nightly --repeat until-pass:2
}

long_runs() { # long_runs MODE
  scripts/install_deps.sh fuzz
  build release all
  build fuzz fuzz-policy fuzz-step fuzz-join
  if [[ $1 == nightly ]]; then
    build asan all
    build tsan all
  fi
  section "$1"
  tests/long_runs.sh "$1"
}

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
  sed -n '2,15s/^# \{0,1\}//p' "$0"
  exit
fi
mkdir -p build
section "install"
scripts/install_deps.sh
case ${1:-all} in
  all) scripts/dockerd.sh start; everything ;;
  unit) build release unit_tests; run_ctest -L 'unit' ;;
  nightly | soak) scripts/dockerd.sh start; long_runs "$1" ;;
  *) scripts/dockerd.sh start; build release all; run_ctest -R "$1" ;;
esac
