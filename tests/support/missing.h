// What a test says where the machine lacks a part that it needs: skipped for people at work, failed
// under ./test.sh, which installs every part (it sets DROVER_TEST_REQUIRE).
#pragma once

#include <cstdlib>

#include <gtest/gtest.h>

// Ends the test, or its SetUp: DROVER_MISSING("haproxy is not installed").
#define DROVER_MISSING(what)                  \
  do {                                        \
    if (std::getenv("DROVER_TEST_REQUIRE")) { \
      FAIL() << (what);                       \
    } else {                                  \
      GTEST_SKIP() << (what);                 \
    }                                         \
  } while (false)
