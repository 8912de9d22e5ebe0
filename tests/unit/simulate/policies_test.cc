// Policies on observations that are written down.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulate/policies/alarms.h"
#include "simulate/policies/baseline.h"
#include "simulate/policies/engine.h"
#include "simulate/policies/registry.h"

namespace drover::simulate {
namespace {

Observation At(int64_t second, int64_t ready, int64_t waiting, int64_t running,
               std::optional<double> utilization = std::nullopt) {
  Observation now;
  now.second = second;
  now.ready = ready;
  now.waiting = waiting;
  now.running = running;
  now.utilization = utilization;
  return now;
}

TEST(PoliciesTest, TheLargestDemandOfAWindow) {
  const auto policy = MakeMaxOfWindow(3);
  EXPECT_EQ(policy->Desired(At(0, 1, 2, 3)), 5);
  EXPECT_EQ(policy->Desired(At(1, 1, 0, 4)), 5);
  EXPECT_EQ(policy->Desired(At(2, 1, 0, 1)), 5);
  EXPECT_EQ(policy->Desired(At(3, 1, 0, 1)), 4);
  EXPECT_EQ(policy->Desired(At(4, 1, 0, 1)), 1);
}

TEST(PoliciesTest, TheRateOracleLaunchesAhead) {
  const auto policy = MakeRateOracle({.window_s = 10, .erlang = {1, 5, 1}, .replicas = {2, 9, 3}}, 4);
  EXPECT_EQ(policy->Desired(At(5, 2, 0, 0)), 2);
  EXPECT_EQ(policy->Desired(At(6, 2, 0, 0)), 9);
  EXPECT_EQ(policy->Desired(At(19, 9, 0, 0)), 9);
  EXPECT_EQ(policy->Desired(At(20, 9, 0, 0)), 3);
}

TEST(PoliciesTest, HpaEvery15Seconds) {
  auto options = HpaOptions(70);
  options.spec.max = 100;
  const auto policy = MakeEnginePolicy(options);
  EXPECT_EQ(policy->Desired(At(0, 10, 0, 10)), 10);         // no sample yet
  EXPECT_EQ(policy->Desired(At(14, 10, 0, 10, 1.0)), 10);   // not its turn
  EXPECT_EQ(policy->Desired(At(15, 10, 0, 10, 1.0)), 15);   // ceil(10 × 100 / 70)
  EXPECT_EQ(policy->Desired(At(30, 15, 0, 10, 0.75)), 15);  // within a tenth
  EXPECT_EQ(policy->Desired(At(45, 15, 0, 2, 0.2)), 15);    // held for 300 s
  EXPECT_EQ(policy->Desired(At(345, 15, 0, 2, 0.2)), 5);    // ceil(15 × 20 / 70)
}

TEST(PoliciesTest, KedaByQueueLength) {
  auto options = KedaOptions(2);
  options.spec.max = 100;
  const auto policy = MakeEnginePolicy(options);
  EXPECT_EQ(policy->Desired(At(0, 1, 9, 1)), 5);     // ceil(10 / 2), at most 1 + 4 at once
  EXPECT_EQ(policy->Desired(At(15, 5, 40, 5)), 10);  // twice
  EXPECT_EQ(policy->Desired(At(30, 10, 0, 1)), 10);
}

TEST(PoliciesTest, KpaPanicsAndHolds) {
  auto options = KpaOptions(0.7);
  options.spec.max = 100;
  const auto policy = MakeEnginePolicy(options);
  EXPECT_EQ(policy->Desired(At(0, 1, 6, 1)), 10);
  for (int64_t second = 1; second <= 60; ++second) {
    EXPECT_EQ(policy->Desired(At(second, 10, 0, 0)), 10) << second;
  }
  EXPECT_LT(policy->Desired(At(62, 10, 0, 0)), 10);
}

TEST(PoliciesTest, TargetTrackingWaitsForThreePointsAndCoolsDown) {
  const auto policy = MakeTargetTracking(70);
  int64_t count = 10;
  std::vector<int64_t> changed_at;
  for (int64_t second = 0; second < 700; ++second) {
    const int64_t desired = policy->Desired(At(second, count, 0, count, 0.91));
    if (desired != count) {
      changed_at.push_back(second);
      count = desired;
    }
  }
  EXPECT_THAT(changed_at, testing::ElementsAre(179, 479));  // ceil(10 × 91 / 70) = 13, ceil(13 × 1.3) = 17
  EXPECT_EQ(count, 17);
}

TEST(PoliciesTest, StepScalingGrowsByTheBreach) {
  for (const auto& [utilization, expected] :
       std::vector<std::pair<double, int64_t>>{{0.75, 22}, {0.85, 26}, {0.95, 28}}) {
    const auto policy = MakeStepScaling(70);
    int64_t desired = 0;
    for (int64_t second = 0; second < 180; ++second) {
      desired = policy->Desired(At(second, 20, 0, 20, utilization));
    }
    EXPECT_EQ(desired, expected) << utilization;
  }
}

TEST(PoliciesTest, AlarmsScaleInAfterFifteenPoints) {
  const auto policy = MakeTargetTracking(70);
  for (int64_t second = 0; second < 899; ++second) {
    EXPECT_EQ(policy->Desired(At(second, 20, 0, 2, 0.1)), 20) << second;
  }
  EXPECT_EQ(policy->Desired(At(899, 20, 0, 2, 0.1)), 18);
}

TEST(PoliciesTest, AnUnknownNameSaysWhatThereIs) {
  PolicyChoice choice;
  choice.name = "magic";
  const auto policy = MakePolicy(choice, {});
  ASSERT_FALSE(policy.ok());
  EXPECT_THAT(std::string(policy.status().message()),
              testing::HasSubstr("no policy \"magic\"; use drover, hpa"));
}

}  // namespace
}  // namespace drover::simulate
