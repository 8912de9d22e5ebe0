#include "controller/core/autoscale/utilization.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover::controller {
namespace {

ReplicaUsage Ready(double used, double reserved = 1000) {
  return {.ready = true, .warming_up = false, .used = used, .reserved = reserved};
}

ReplicaUsage Missing(double reserved = 1000) {
  return {.ready = true, .warming_up = false, .used = std::nullopt, .reserved = reserved};
}

ReplicaUsage WarmingUp(double used, double reserved = 1000) {
  return {.ready = true, .warming_up = true, .used = used, .reserved = reserved};
}

ReplicaUsage NotReady(std::optional<double> used, double reserved = 1000) {
  return {.ready = false, .warming_up = false, .used = used, .reserved = reserved};
}

std::vector<ReplicaUsage> Repeat(size_t n, const ReplicaUsage& one) { return {n, one}; }

std::vector<ReplicaUsage> Join(std::vector<ReplicaUsage> a, const std::vector<ReplicaUsage>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

struct Case {
  const char* name;
  std::vector<ReplicaUsage> replicas;
  UtilizationRule rule;
  int64_t wish;
  double value;
  const char* held_by = "";
};

class UtilizationTest : public testing::TestWithParam<Case> {};

TEST_P(UtilizationTest, FollowsTheHpa) {
  const Case& c = GetParam();
  const Wish wish = UtilizationWish(c.replicas, c.rule);
  ASSERT_TRUE(wish.wish.has_value()) << wish.unknown_reason;
  EXPECT_EQ(*wish.wish, c.wish) << wish.formula;
  EXPECT_EQ(wish.value, c.value);
  EXPECT_EQ(wish.held_by, c.held_by);
}

UtilizationRule Rule(int64_t current, double target = 60, double tolerance = 0.1) {
  return {.target = target, .tolerance = {tolerance, tolerance}, .current = current};
}

INSTANTIATE_TEST_SUITE_P(
    Table, UtilizationTest,
    testing::Values(
        Case{"up", Repeat(2, Ready(850)), Rule(2), 3, 85},
        Case{"down", Repeat(4, Ready(200)), Rule(4), 2, 20}, Case{"idle", Repeat(3, Ready(0)), Rule(3), 0, 0},
        // Weighted by reservation: (900 + 100) / (1000 + 3000) = 25 %, not the average of 90 % and 3 %.
        Case{"weighted", {Ready(900, 1000), Ready(100, 3000)}, Rule(2, 50), 1, 25},
        // 1.1 × 60 = 66: both ends of the tolerance are within.
        Case{"upper_end", Repeat(10, Ready(660)), Rule(10), 10, 66, "tolerance"},
        Case{"above_upper_end", Repeat(10, Ready(670)), Rule(10), 12, 67},
        Case{"lower_end", Repeat(10, Ready(540)), Rule(10), 10, 54, "tolerance"},
        Case{"below_lower_end", Repeat(10, Ready(530)), Rule(10), 9, 53},
        // 66.9 % is 66 in whole percent and so still within.
        Case{"whole_percent", Repeat(10, Ready(669)), Rule(10), 10, 66, "tolerance"},
        Case{"no_tolerance", Repeat(10, Ready(610)), Rule(10, 60, 0), 11, 61},
        // Unready ones vanish on the way down: ceil(3 × 20 / 60) = 1 ...
        Case{"down_unready", Join(Repeat(3, Ready(200)), Repeat(2, WarmingUp(0))), Rule(5), 1, 20},
        // ... and count as 0 on the way up: 5 × 72 % instead of 3 × 120 %.
        Case{"up_warming", Join(Repeat(3, Ready(1200)), Repeat(2, WarmingUp(2000))), Rule(5), 6, 120},
        Case{"up_turned", Join(Repeat(3, Ready(700)), Repeat(3, NotReady(std::nullopt))), Rule(6), 6, 70,
             "missing"},
        // Exactly at the target nothing is filled in.
        Case{"exact", Join(Repeat(9, Ready(600)), Repeat(1, Missing())), Rule(10, 60, 0), 10, 60,
             "tolerance"}),
    [](const auto& test) { return test.param.name; });

TEST(UtilizationTest, R4_2_MissingCountAsFullOnTheWayDown) {
  // 9 at 30 % and one taken as 100 %: 37 % of 60 %, ceil(10 × 37 / 60) = 7 instead of ceil(9 × 0.5) = 5.
  const Wish wish = UtilizationWish(Join(Repeat(9, Ready(300)), Repeat(1, Missing())), Rule(10));
  EXPECT_EQ(wish.wish, 7);
  EXPECT_EQ(wish.value, 30);
  EXPECT_EQ(wish.formula, "ceil(10 × 37 / 60) = 7, 1 missing as 100 %");
}

TEST(UtilizationTest, R4_2_MissingCountAsTheTargetWhereThatIsMore) {
  const Wish wish = UtilizationWish(Join(Repeat(9, Ready(1000)), Repeat(1, Missing())), Rule(10, 200));
  // (9 × 100 + 200) / 10 = 110 of 200.
  EXPECT_EQ(wish.wish, 6);
}

TEST(UtilizationTest, R4_2_MissingCountAsIdleOnTheWayUp) {
  const Wish wish = UtilizationWish(Join(Repeat(9, Ready(900)), Repeat(1, Missing())), Rule(10));
  EXPECT_EQ(wish.wish, 14);  // ceil(10 × 81 / 60), not ceil(9 × 90 / 60)
  EXPECT_EQ(wish.formula, "ceil(10 × 81 / 60) = 14, 1 missing as 0 %");
}

TEST(UtilizationTest, R4_2_MissingThatTurnTheDirectionHold) {
  // 5 % below the target, above it with the missing one at 100 %.
  const Wish wish = UtilizationWish(Join(Repeat(4, Ready(550)), Repeat(1, Missing())), Rule(5, 60, 0.01));
  EXPECT_EQ(wish.wish, 5);
  EXPECT_EQ(wish.held_by, "missing");
}

TEST(UtilizationTest, R4_2_MoreThanAFifthMissingIsUnknown) {
  EXPECT_TRUE(UtilizationWish(Join(Repeat(8, Ready(900)), Repeat(2, Missing())), Rule(10)).wish.has_value());
  const Wish wish = UtilizationWish(Join(Repeat(7, Ready(900)), Repeat(3, Missing())), Rule(10));
  EXPECT_FALSE(wish.wish.has_value());
  EXPECT_FALSE(wish.value.has_value());
  EXPECT_EQ(wish.unknown_reason, "3 of 10 replicas have no fresh sample");
}

TEST(UtilizationTest, TheHpaItselfCountsWithAnyNumberMissing) {
  UtilizationRule rule = Rule(3, 30);
  rule.missing_limit = 1;
  EXPECT_EQ(UtilizationWish({Ready(900), Missing(), Missing()}, rule).wish, 3);
  EXPECT_EQ(UtilizationWish({Ready(1200), Missing(), Missing()}, rule).wish, 4);
  EXPECT_FALSE(UtilizationWish({Missing(), Missing()}, rule).wish.has_value());
}

TEST(UtilizationTest, R4_1_NothingToCountIsUnknown) {
  EXPECT_EQ(UtilizationWish({}, Rule(0)).unknown_reason, "no replica runs");
  EXPECT_EQ(UtilizationWish({Missing()}, Rule(1)).unknown_reason, "1 of 1 replicas have no fresh sample");
  EXPECT_EQ(UtilizationWish({WarmingUp(900)}, Rule(1)).unknown_reason,
            "no replica is ready and past its warm-up");
  EXPECT_EQ(UtilizationWish({Ready(900), Ready(1, 0)}, Rule(2)).unknown_reason,
            "a replica has no reservation to measure against");
}

TEST(UtilizationTest, MemoryIsBelievedWhateverTheReadiness) {
  UtilizationRule rule = Rule(3);
  rule.believe_when_ready_only = false;
  EXPECT_EQ(UtilizationWish({Ready(900), NotReady(900), WarmingUp(900)}, rule).wish, 5);
  EXPECT_THAT(GroupReplicas({Ready(1), NotReady(std::nullopt), Missing()}, false),
              testing::ElementsAre(ReplicaGroup::kReady, ReplicaGroup::kUnready, ReplicaGroup::kMissing));
}

}  // namespace
}  // namespace drover::controller
