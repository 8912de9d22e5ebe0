// The model in cases small enough to be worked out by hand: the order within a tick, removal, billing.
#include "simulate/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/simulate/scripted.h"

namespace drover::simulate {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;
using testing::Pointwise;

struct Outcome {
  Run run;
  std::vector<Observation> seen;
};

// Start-ups take `startup_s` to the tenth.
Outcome Play(const Jobs& jobs, int64_t initial, int64_t seconds, std::map<int64_t, int64_t> counts,
             double startup_s = 2.5, double fails = 0) {
  Scripted policy(std::move(counts));
  Prng startups(1);
  ModelOptions options{.startup_low_s = startup_s,
                       .startup_high_s = startup_s,
                       .min = 0,
                       .max = 100,
                       .initial = initial,
                       .seconds = seconds,
                       .fails = fails,
                       .progress = {}};
  Outcome outcome;
  outcome.run = RunModel(jobs, options, startups, policy);
  outcome.seen = std::move(policy.seen);
  return outcome;
}

void ExpectWaits(const Run& run, const std::vector<double>& waits) {
  ASSERT_EQ(run.wait_s.size(), waits.size());
  for (size_t i = 0; i < waits.size(); ++i) {
    EXPECT_NEAR(run.wait_s[i], waits[i], 1e-9) << "job " << i;
  }
}

TEST(ModelTest, JobsStartInTheOrderOfTheirArrivalWithinASecond) {
  // One replica: 0.2 to 0.5, then the second at 0.5, then the third at 0.9.
  const Outcome outcome = Play({.arrival_s = {0.2, 0.3, 0.4}, .length_s = {0.3, 0.4, 1}}, 1, 5, {});
  ExpectWaits(outcome.run, {0, 0.2, 0.5});
  EXPECT_NEAR(outcome.run.replica_s, 5, 1e-9);
}

TEST(ModelTest, AReplicaTakesJobsFromTheInstantOfItsReadiness) {
  // Launched at 1, ready at 3.5; the policy sees it at 4, the job starts at 3.5.
  const Outcome outcome = Play({.arrival_s = {0.1, 0.2}, .length_s = {100, 1}}, 1, 10, {{1, 2}});
  ExpectWaits(outcome.run, {0, 3.3});
  EXPECT_EQ(outcome.seen[3].ready, 1);
  EXPECT_EQ(outcome.seen[3].starting, 1);
  EXPECT_EQ(outcome.seen[4].ready, 2);
  EXPECT_THAT(outcome.seen[4].startup_times_s, ElementsAre(2.5));
  EXPECT_EQ(outcome.seen[4].waiting, 1);  // the policy acts before jobs start
  EXPECT_EQ(outcome.seen[5].waiting, 0);
  EXPECT_THAT(outcome.seen[5].waits_s, ElementsAre(testing::DoubleNear(3.3, 1e-9)));
}

TEST(ModelTest, MetricsAreSampledBeforeTheArrivalsOfTheSecond) {
  const Outcome outcome = Play({.arrival_s = {1.5, 1.6}, .length_s = {1, 1}}, 1, 6, {});
  EXPECT_EQ(outcome.seen[1].arrivals, 0);
  EXPECT_EQ(outcome.seen[2].arrivals, 2);
  EXPECT_EQ(outcome.seen[2].starts, 1);
  EXPECT_EQ(outcome.seen[2].running, 1);
  EXPECT_EQ(outcome.seen[2].waiting, 1);
  EXPECT_EQ(outcome.seen[3].completions, 1);  // ended at 2.5
  EXPECT_EQ(outcome.seen[3].starts, 2);
}

TEST(ModelTest, RemovalTakesTheYoungestStartingOneFirst) {
  // One runs 0 to 10. Of two launched at 0 the younger goes at 1, the other is ready at 4.
  const Outcome outcome = Play({}, 1, 10, {{0, 3}, {1, 2}}, 4);
  EXPECT_NEAR(outcome.run.replica_s, 10 + 1 + 10, 1e-9);
  EXPECT_EQ(outcome.run.launches, 2);
  EXPECT_EQ(outcome.run.actions, 2);
  EXPECT_EQ(outcome.seen[4].ready, 2);
}

TEST(ModelTest, ThenIdleOnesThenTheYoungestBusyOneWithDrain) {
  // A on replica 0 until 3.5, B on replica 1 until 9.1; from 1 on only one is wanted: replica 1 drains.
  // C waits for replica 0. The third, idle, is gone at once.
  const Outcome outcome = Play({.arrival_s = {0, 0.1, 2}, .length_s = {3.5, 9, 1}}, 3, 20, {{1, 1}});
  ExpectWaits(outcome.run, {0, 0, 1.5});
  EXPECT_NEAR(outcome.run.replica_s, 20 + 9.1 + 1, 1e-9);
  EXPECT_EQ(outcome.seen[2].ready, 1);
  EXPECT_EQ(outcome.seen[2].draining, 1);
  EXPECT_EQ(outcome.seen[2].running, 2);
  EXPECT_EQ(outcome.seen[10].draining, 0);
}

TEST(ModelTest, UtilizationIsAMeanOf30SecondsAndLate) {
  // Idle at tick 0, busy from then on.
  const Outcome outcome = Play({.arrival_s = {0.5}, .length_s = {200}}, 1, 100, {});
  EXPECT_FALSE(outcome.seen[13].utilization.has_value());
  EXPECT_EQ(outcome.seen[14].utilization, 0);
  EXPECT_EQ(outcome.seen[15].utilization, 0.5);
  EXPECT_DOUBLE_EQ(*outcome.seen[43].utilization, 29.0 / 30);
  EXPECT_EQ(outcome.seen[44].utilization, 1);
}

TEST(ModelTest, TheRunGoesOnUntilEveryJobHasStartedButCostsNothingMore) {
  const Outcome outcome = Play({.arrival_s = {0.5, 0.6, 0.7}, .length_s = {4, 4, 4}}, 1, 2, {});
  ExpectWaits(outcome.run, {0, 3.9, 7.8});
  EXPECT_NEAR(outcome.run.replica_s, 2, 1e-9);
}

TEST(ModelTest, FailedStartsAreBilledAndSeen) {
  const Outcome outcome = Play({}, 1, 40, {{0, 21}, {1, 0}, {20, 0}}, 0.5, 0.999999);
  int64_t failed = 0;
  for (const Observation& now : outcome.seen) {
    failed += now.failed_starts;
  }
  EXPECT_EQ(failed, 20);
  EXPECT_NEAR(outcome.run.replica_s, 1 + 20 * 0.5, 1e-9);
}

TEST(ModelTest, WithoutReplicasJobsWaitForOne) {
  const Outcome outcome = Play({.arrival_s = {3.25}, .length_s = {1}}, 0, 10, {{0, 0}, {4, 1}});
  ExpectWaits(outcome.run, {4 + 2.5 - 3.25});
}

TEST(ModelTest, CountsLaunchesSoonAfterARemoval) {
  EXPECT_EQ(Play({}, 2, 10, {{1, 1}, {3, 2}}, 2.5).run.restarts, 1);
  EXPECT_EQ(Play({}, 2, 10, {{1, 1}, {4, 2}}, 2.5).run.restarts, 0);
}

}  // namespace
}  // namespace drover::simulate
