// Cumulative counters of a balancer as rates and totals: restarts and gaps are never a rate, and unknown is
// never zero (R4).
#include "controller/core/request_counts.h"

#include <gtest/gtest.h>

#include "common/prng.h"

namespace drover::controller {
namespace {

constexpr Duration kWindow = absl::Seconds(5);

Instant AtSecond(double seconds) { return Instant::FromNanoseconds(static_cast<int64_t>(seconds * 1e9)); }

class Counter {
 public:
  void Read(double at, uint64_t arrived, uint64_t finished, uint64_t process = 1) {
    counts.Add(AtSecond(at), process, {.arrived = arrived, .finished = finished}, kWindow);
  }

  RequestCounts counts;
};

TEST(RequestCountsTest, TheRateIsOverTheWindow) {
  Counter c;
  EXPECT_FALSE(c.counts.Rate());
  c.Read(0, 1000, 990);
  EXPECT_FALSE(c.counts.Rate());
  c.Read(0.4, 1040, 1030);
  EXPECT_FALSE(c.counts.Rate()) << "too close";
  c.Read(1, 1100, 1090);
  EXPECT_EQ(c.counts.Rate(), 100);
  for (int i = 2; i <= 10; ++i) {
    c.Read(i, 1100 + 20 * (static_cast<uint64_t>(i) - 1), 1090);
  }
  EXPECT_EQ(c.counts.Rate(), 20);
}

TEST(RequestCountsTest, R4_NoRequestsIsZeroAndOneReadIsUnknown) {
  Counter c;
  c.Read(0, 7, 7);
  EXPECT_FALSE(c.counts.Arrived());
  c.Read(1, 7, 7);
  EXPECT_EQ(c.counts.Rate(), 0);
  EXPECT_EQ(c.counts.Arrived(), 0);
}

TEST(RequestCountsTest, R4_ARestartIsNoNegativeRate) {
  Counter c;
  c.Read(0, 5000, 5000);
  c.Read(1, 5100, 5090);
  c.Read(2, 40, 30);
  EXPECT_FALSE(c.counts.Rate());
  EXPECT_FALSE(c.counts.Arrived());
  EXPECT_FALSE(c.counts.Finished());
  c.Read(3, 90, 80);
  EXPECT_EQ(c.counts.Rate(), 50);
  EXPECT_EQ(c.counts.Arrived(), 150) << "100 before, 50 after";
  EXPECT_EQ(c.counts.Finished(), 140);
}

TEST(RequestCountsTest, ANewProcessWithMoreRequestsIsARestartToo) {
  Counter c;
  c.Read(0, 10, 10);
  c.Read(1, 20, 20);
  c.Read(2, 9000, 9000, 2);
  EXPECT_FALSE(c.counts.Rate());
  c.Read(3, 9001, 9001, 2);
  EXPECT_EQ(c.counts.Rate(), 1);
  EXPECT_EQ(c.counts.Arrived(), 11);
}

TEST(RequestCountsTest, R4_AGapIsNoRateButWhatCameInItCounts) {
  Counter c;
  c.Read(0, 0, 0);
  c.Read(1, 100, 100);
  c.Read(12, 160, 160);
  EXPECT_FALSE(c.counts.Rate());
  EXPECT_EQ(c.counts.Arrived(), 160);
  c.Read(13, 260, 260);
  EXPECT_EQ(c.counts.Rate(), 100);
}

TEST(RequestCountsTest, WhatComesLateIsDropped) {
  Counter c;
  c.Read(0, 0, 0);
  c.Read(2, 100, 100);
  c.Read(1, 400, 400);
  c.Read(2, 400, 400);
  EXPECT_EQ(c.counts.Arrived(), 100);
  EXPECT_EQ(c.counts.Rate(), 50);
}

// Over generated lives of a balancer: nothing negative, totals never fall, and a rate only from reads of one
// process, between the least and the most that came in any second.
TEST(RequestCountsTest, R2_R4_PropertiesOverRestartsAndGaps) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Prng prng(seed);
    Counter c;
    double now = 0;
    uint64_t process = 1;
    uint64_t arrived = prng.Below(1000);
    uint64_t finished = arrived;
    uint64_t all = 0;  // since the first read
    double before = 0;
    int64_t alive = 0;  // reads of this process
    for (int i = 0; i < 200; ++i) {
      const bool restart = prng.Chance(0.05) && arrived > 0;
      now += prng.Chance(0.05) ? 5 + static_cast<double>(prng.Below(60)) : 1;
      const uint64_t came = 5 + prng.Below(10);
      if (restart) {
        process += prng.Chance(0.5) ? 1 : 0;  // else only its counters show it
        arrived = finished = 0;
        alive = 0;
      } else {
        arrived += came;
        all += i == 0 ? 0 : came;
        finished = arrived - prng.Below(4);
      }
      c.Read(now, arrived, finished, process);
      ++alive;
      if (const auto rate = c.counts.Rate()) {
        ASSERT_GT(alive, 1) << "seed " << seed;
        ASSERT_GT(*rate, 0) << "seed " << seed;
        ASSERT_LE(*rate, 14) << "seed " << seed;
      }
      if (const auto total = c.counts.Arrived()) {
        ASSERT_GE(*total, before) << "seed " << seed;
        ASSERT_LE(*total, static_cast<double>(all)) << "seed " << seed;
        before = *total;
      } else {
        ASSERT_EQ(alive, 1) << "seed " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace drover::controller
