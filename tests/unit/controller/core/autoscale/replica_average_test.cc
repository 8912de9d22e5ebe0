#include "controller/core/autoscale/replica_average.h"

#include <gtest/gtest.h>

#include "controller/core/autoscale/utilization.h"

namespace drover::controller {
namespace {

std::vector<ReplicaUsage> Waiting(const std::vector<std::optional<double>>& values, int64_t starting = 0) {
  std::vector<ReplicaUsage> replicas;
  for (const std::optional<double>& value : values) {
    ReplicaUsage replica;
    replica.ready = true;
    replica.used = value;
    replicas.push_back(replica);
  }
  replicas.resize(replicas.size() + static_cast<size_t>(starting));
  return replicas;
}

Wish Ask(const std::vector<ReplicaUsage>& replicas, int64_t current, bool careful = true) {
  return ReplicaAverageWish(
      replicas, GroupReplicas(replicas, true),
      {.target = 4, .tolerance = {.up = 0.1, .down = 0.1}, .current = current, .careful_down = careful});
}

TEST(ReplicaAverageTest, TheMeanMeetsTheTarget) {
  EXPECT_EQ(Ask(Waiting({10, 6}), 2).wish, 4);
  EXPECT_EQ(Ask(Waiting({10, 6}), 2).value, 8);
  EXPECT_EQ(Ask(Waiting({4, 4.3}), 2).held_by, "tolerance");
  EXPECT_EQ(Ask(Waiting({1.5, 1.5, 1.5}), 3, false).wish, 2) << "fractions count";
}

TEST(ReplicaAverageTest, ReplicasThatStartTakeTheirShareOnTheWayUp) {
  EXPECT_EQ(Ask(Waiting({20, 20}), 2).wish, 10);
  EXPECT_EQ(Ask(Waiting({20, 20}, 3), 5).wish, 10);
  EXPECT_EQ(Ask(Waiting({5, 5}, 3), 5).held_by, "missing") << "with those that start nothing is too much";
}

TEST(ReplicaAverageTest, R4_2_MissingOnesCountAgainstTheAction) {
  const std::vector<std::optional<double>> low = {0, 0, 0, 0, 0, 0, 0, 0, 0, std::nullopt};
  EXPECT_EQ(Ask(Waiting(low), 10, false).wish, 1) << "the missing one has its target: 10 × 0.4 / 4";
  const std::vector<std::optional<double>> high = {8, 8, 8, 8, 8, 8, 8, 8, 8, std::nullopt};
  EXPECT_EQ(Ask(Waiting(high), 10).wish, 18) << "the missing one has none: 10 × 7.2 / 4";
  EXPECT_FALSE(Ask(Waiting({0, 0, std::nullopt}), 3).wish) << "more than a fifth";
  EXPECT_FALSE(Ask({}, 3).wish);
  EXPECT_EQ(Ask(Waiting({}, 2), 2).unknown_reason, "no replica is ready and past its warm-up");
}

TEST(ReplicaAverageTest, AnEmptyBacklogGivesUpAQuarterAtMost) {
  EXPECT_EQ(Ask(Waiting({0, 0, 0, 0, 0, 0, 0, 0}), 8).wish, 6);
  EXPECT_EQ(Ask(Waiting({0, 0, 0, 0, 0, 0, 0, 0}), 8).held_by, "careful");
  EXPECT_EQ(Ask(Waiting({0, 0}), 2).wish, 1);
  EXPECT_EQ(Ask(Waiting({0}), 1).wish, 0);
  EXPECT_EQ(Ask(Waiting({3.4, 3.4, 3.4, 3.4, 3.4, 3.4, 3.4, 3.4}), 8).wish, 7) << "in proportion, as less";
}

}  // namespace
}  // namespace drover::controller
