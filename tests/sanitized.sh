#!/usr/bin/env bash
# One ctest test of the release build: all unit and simulator tests of a sanitizer build.
#   tests/sanitized.sh PRESET
# Skipped (77) where build/PRESET is not there, unless DROVER_TEST_REQUIRE is set; ./test.sh builds it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [[ ! -e build/$1/CTestTestfile.cmake ]]; then
  echo "build/$1 is not there: cmake --preset $1 && cmake --build --preset $1 --target unit_tests"
  if [[ ${DROVER_TEST_REQUIRE:-} ]]; then exit 1; else exit 77; fi
fi
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1:suppressions=$PWD/tests/tsan.supp}
# Two weeks of a trace and long statistics, without optimisation, say nothing more about memory and threads.
exec ctest --test-dir "build/$1" -L 'unit|sim' -LE source -E 'PublishedTable|ErlangTest' --output-on-failure --parallel "$(nproc)" --no-tests=error
