// Yardsticks: by hand, and against every policy.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "simulate/experiment.h"
#include "simulate/staffing.h"

namespace drover::simulate {
namespace {

TEST(BoundsTest, AGapCostsTheLesserOfItselfAndALaunch) {
  const Jobs jobs{.arrival_s = {0, 3}, .length_s = {1, 1}};
  EXPECT_DOUBLE_EQ(ClairvoyantCost(jobs, 10, 100), 10 + 1 + 2 + 1);
  EXPECT_DOUBLE_EQ(ClairvoyantCost(jobs, 1, 100), 1 + 1 + 1 + 1);
}

TEST(BoundsTest, TheYoungestIdleReplicaServesFirst) {
  // Two overlap; the third job finds both idle since 2 and 5, the fourth arrives while the third runs.
  const Jobs jobs{.arrival_s = {0, 0, 6, 7}, .length_s = {2, 5, 3, 1}};
  EXPECT_DOUBLE_EQ(ClairvoyantCost(jobs, 10, 100), 2 * 10 + 11 + 1 + 5);
}

TEST(BoundsTest, WorkAfterTheEndIsNotCounted) {
  EXPECT_DOUBLE_EQ(WorkBound({.arrival_s = {0, 8}, .length_s = {3, 5}}, 10), 3 + 2);
}

TEST(BoundsTest, DemandByWindows) {
  const Trace trace{
      .name = "t", .bin_s = 1, .counts = {5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}};
  const Demand demand = DemandOf(trace, 2, {.wait_s = 2, .share = 0.01});
  EXPECT_EQ(demand.window_s, 10);
  EXPECT_THAT(demand.erlang, testing::ElementsAre(10, 0));  // the last second is no whole window
  EXPECT_EQ(demand.replicas[0], ServersFor(10, 2, {.wait_s = 2, .share = 0.01}));
  EXPECT_EQ(demand.replicas[1], 1);
  EXPECT_EQ(demand.At(9), demand.replicas[0]);
  EXPECT_EQ(demand.At(500), 1);
}

Trace Wave() {
  Trace trace{.name = "wave", .bin_s = 1, .counts = {}};
  for (int i = 0; i < 3600; ++i) {
    trace.counts.push_back(6 + static_cast<int64_t>(5 * std::sin(i / 200.0)) + (i % 900 < 20 ? 30 : 0));
  }
  return trace;
}

TEST(BoundsTest, NoPolicyPaysLessThanTheWork) {
  Comparison comparison;
  comparison.inputs = {{.trace = Wave(), .params = {.service_s = 2, .thin = 1, .slo_wait_s = 2}}};
  comparison.seeds = {1, 2, 3};
  comparison.threads = 2;
  for (const PolicyInfo& info : Policies()) {
    comparison.policies.emplace_back().name = info.name;
  }
  const auto results = Compare(comparison);
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_EQ(results->size(), 3 * Policies().size());
  for (const Result& result : *results) {
    SCOPED_TRACE(result.policy);
    EXPECT_GE(result.figures.replica_hours, result.figures.work_bound_hours);
    EXPECT_GE(result.clairvoyant_hours, result.figures.work_bound_hours);
    if (result.policy == "rate-oracle") {
      EXPECT_DOUBLE_EQ(result.figures.replica_hours, result.rate_oracle_hours);
      EXPECT_EQ(result.figures.theta_u, 0);
      EXPECT_LE(result.figures.late_percent, 1);
    }
  }
}

}  // namespace
}  // namespace drover::simulate
