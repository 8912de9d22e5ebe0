#include "controller/core/autoscale/return_gaps.h"

#include <gtest/gtest.h>

namespace drover::controller {
namespace {

constexpr double kUnit = 10;

// Ten levels that are needed for 20 s and idle for `gap_s`, again and again; then idle.
ReturnGaps After(double gap_s, int rounds, double* at_s) {
  ReturnGaps gaps;
  gaps.Begin(0, 1);
  double now = 1;
  for (int round = 0; round < rounds; ++round) {
    gaps.Set(now, 11, kUnit);
    now += 20;
    gaps.Set(now, 1, kUnit);
    now += gap_s;
  }
  *at_s = now;
  return gaps;
}

TEST(ReturnGapsTest, KeepsCapacityThroughGapsThatAreCheaperThanMissingIt) {
  double now = 0;
  const ReturnGaps gaps = After(60, 10, &now);
  const double hold = gaps.BestHold(now, 300, kUnit);
  EXPECT_GE(hold, 60);
  EXPECT_LE(hold, 120);
  EXPECT_EQ(gaps.Held(now - 1, hold), 11);
  EXPECT_EQ(gaps.Held(now + 2 * hold, hold), 1);
}

TEST(ReturnGapsTest, GivesUpAtOnceWhatReturnsTooLateToPay) {
  double now = 0;
  EXPECT_LE(After(1000, 10, &now).BestHold(now, 100, kUnit), 20);
}

TEST(ReturnGapsTest, AMoreExpensiveMissIsHeldAgainstForLonger) {
  double now = 0;
  const ReturnGaps gaps = After(200, 10, &now);
  EXPECT_LT(gaps.BestHold(now, 50, kUnit), 50);
  EXPECT_GE(gaps.BestHold(now, 1000, kUnit), 200);
}

TEST(ReturnGapsTest, AnOpenGapCountsAsOneThatHasLastedSoLong) {
  double now = 0;
  const ReturnGaps gaps = After(60, 1, &now);
  // One return after 60 s is believed for a while, but not after hours of silence.
  EXPECT_GE(gaps.BestHold(now, 300, kUnit), gaps.BestHold(now + 20'000, 300, kUnit));
}

TEST(ReturnGapsTest, HeldIsTheLargestNeedOfTheTime) {
  ReturnGaps gaps;
  gaps.Begin(0, 5);
  gaps.Set(1, 3, kUnit);
  EXPECT_EQ(gaps.Held(1, 10), 5);  // the count at the start is held as if it had been needed
  gaps.Set(20, 8, kUnit);
  gaps.Set(30, 6, kUnit);
  gaps.Set(35, 2, kUnit);
  EXPECT_EQ(gaps.Held(39, 10), 8);
  EXPECT_EQ(gaps.Held(41, 10), 6);
  EXPECT_EQ(gaps.Held(46, 10), 2);
}

}  // namespace
}  // namespace drover::controller
