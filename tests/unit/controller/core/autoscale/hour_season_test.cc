#include "controller/core/autoscale/hour_season.h"

#include <gtest/gtest.h>

namespace drover::controller {
namespace {

constexpr double kStartup = 60;
constexpr double kAhead = 90;

// A load, by second; each sample as `reckoned`, what a start-up before was thought of it.
template <typename Load>
HourSeason After(double hours, Load load, double reckoned = 5) {
  HourSeason season;
  for (double second = 0; second < hours * 3600; second += 5) {
    season.Add(second, load(second), reckoned, kStartup);
  }
  return season;
}

// 50 jobs at a time in the eleventh minute of every hour, else 5.
double Hourly(double second) {
  const int minute = static_cast<int>(second / 60) % 60;
  return minute == 10 ? 50 : 5;
}

TEST(HourSeasonTest, WhatCameTwiceAtItsMinuteIsExpectedAndOnceIsChance) {
  for (const auto& [hours, expected] : {std::pair(1.0, 0.0), {2.0, 50.0}, {7.0, 50.0}, {30.0, 50.0}}) {
    const HourSeason season = After(hours, Hourly);
    const double hour = hours * 3600;
    EXPECT_EQ(season.Expected(hour + 540, kAhead, 5, 0.3), expected) << hours;  // reaches into minute 10
    EXPECT_EQ(season.Expected(hour + 600, 0, 5, 0.3), expected) << hours;       // in it
    EXPECT_EQ(season.Expected(hour + 360, kAhead, 5, 0.3), 0) << hours;         // not yet
    EXPECT_EQ(season.Expected(hour + 660, kAhead, 5, 0.3), 0) << hours;         // over
  }
}

TEST(HourSeasonTest, HowOftenItCameDecides) {
  const auto often = [](double second) {
    return static_cast<int>(second / 3600) % 2 == 0 ? Hourly(second) : 5;  // four of eight hours
  };
  const HourSeason season = After(8, often);
  const double at = 8 * 3600 + 560;
  EXPECT_EQ(season.Expected(at, kAhead, 5, 0.3), 50);  // (4 - 1) / 8 and more
  EXPECT_EQ(season.Expected(at, kAhead, 5, 0.5), 0);
}

TEST(HourSeasonTest, WhatIsReckonedWithAnywayIsNoSeason) {
  EXPECT_EQ(After(8, Hourly, 60).Expected(8 * 3600 + 560, kAhead, 60, 0.1), 0);
}

TEST(HourSeasonTest, ALoadThatFallsIsNotTakenForWhatItWasHoursAgo) {
  HourSeason season;
  for (double second = 0; second < 8 * 3600; second += 5) {
    const double load = 100 - second / 300;
    season.Add(second, load, load, kStartup);
  }
  EXPECT_EQ(season.Expected(8 * 3600, kAhead, 4, 0.1), 0);
}

TEST(HourSeasonTest, InsideTheMinuteNothingIsAddedTwice) {
  EXPECT_EQ(After(4, Hourly).Expected(4 * 3600 + 620, 0, 50, 0.3), 50);
}

TEST(HourSeasonTest, EightHoursAreRemembered) {
  HourSeason season = After(8, Hourly);
  for (double second = 8 * 3600; second < 16 * 3600; second += 5) {
    season.Add(second, 5, 5, kStartup);
  }
  EXPECT_EQ(season.Expected(16 * 3600 + 560, kAhead, 5, 0.1), 0);
  ASSERT_EQ(season.state().past.size(), HourSeason::kMinutes);
  for (const auto& hours : season.state().past) {
    EXPECT_LE(hours.size(), HourSeason::kHours);
  }
}

TEST(HourSeasonTest, AStartUpOfYearsIsLookedAtLikeAnHour) {
  EXPECT_EQ(After(4, Hourly).Expected(4 * 3600, 1e9, 5, 0.3), 50);
}

}  // namespace
}  // namespace drover::controller
