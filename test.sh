#!/usr/bin/env bash
# Builds Drover and runs its tests, on a Debian 12 that may have nothing installed.
#
#   ./test.sh           everything: release build, all of its tests (unit, scenarios, properties, tidy, simulator,
#                       integration, end-to-end on Docker, HAProxy and Redis), and unit and simulator tests built
#                       with address+undefined and with thread sanitizers; at most 40 minutes on 2 cores
#   ./test.sh unit      the fast ones; under a minute once built
#   ./test.sh NAME      those whose name matches the regular expression NAME (`ctest -R`)
#   ./test.sh nightly   end-to-end under the address sanitizer, 500 seeds of the simulator, the benchmarks
#
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

nightly() {
  local failed=0
  build release all
  build asan all
  section "simulator, 500 seeds"
  build/release/bin/drover-sim --seeds 1..500 --hours 0.5 || failed=1
  section "benchmarks"
  tests/bench/run_all.sh || failed=1
  section "end-to-end under the address sanitizer"
  DROVER_TEST_REQUIRE=1 DROVER_BIN=$PWD/build/asan/bin run_ctest -L e2e || failed=1
  return $failed
}

mkdir -p build
section "install"
scripts/install_deps.sh
case ${1:-all} in
  all) scripts/dockerd.sh start; everything ;;
  unit) build release unit_tests; run_ctest -L 'unit' ;;
  nightly) scripts/dockerd.sh start; nightly ;;
  -h | --help) sed -n '2,12s/^# \{0,1\}//p' "$0" ;;
  *) scripts/dockerd.sh start; build release all; run_ctest -R "$1" ;;
esac
