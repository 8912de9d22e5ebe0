#include "controller/core/autoscale/rate.h"

#include <gtest/gtest.h>

namespace drover::controller {
namespace {

constexpr int64_t kNow = 1000;
using Select = ScalingRules::Select;

Instant At(int64_t seconds) { return Instant::FromNanoseconds(seconds * 1'000'000'000); }

RatePolicy Replicas(int64_t amount, int64_t period) {
  return {.unit = RatePolicy::Unit::kReplicas, .amount = amount, .period = absl::Seconds(period)};
}

RatePolicy Percent(int64_t amount, int64_t period) {
  return {.unit = RatePolicy::Unit::kPercent, .amount = amount, .period = absl::Seconds(period)};
}

ScalingRules Rules(Select select, std::vector<RatePolicy> policies) {
  return {.stabilization = {}, .select = select, .policies = std::move(policies)};
}

ScaleChange Aged(int64_t age, int64_t change) { return {.at = At(kNow - age), .change = change}; }

struct Case {
  const char* name;
  bool up;
  int64_t current;
  ScalingRules rules;
  std::deque<ScaleChange> changes;
  std::optional<int64_t> limit;
};

class RateTest : public testing::TestWithParam<Case> {};

TEST_P(RateTest, FollowsTheHpa) {
  const Case& c = GetParam();
  const RateLimit result = c.up ? UpLimit(c.current, c.rules, c.changes, At(kNow))
                                : DownLimit(c.current, c.rules, c.changes, At(kNow));
  EXPECT_EQ(result.limit, c.limit) << result.detail;
}

INSTANTIATE_TEST_SUITE_P(
    Table, RateTest,
    testing::Values(
        Case{"none", true, 3, Rules(Select::kMax, {}), {}, {}},
        Case{"up_replicas", true, 3, Rules(Select::kMax, {Replicas(4, 15)}), {}, 7},
        Case{"up_percent", true, 3, Rules(Select::kMax, {Percent(50, 15)}), {}, 5},
        // In doubles 100 × 1.1 is a little more than 110, as in the HPA.
        Case{"up_percent_doubles", true, 100, Rules(Select::kMax, {Percent(10, 15)}), {}, 111},
        Case{"up_max", true, 10, Rules(Select::kMax, {Replicas(4, 15), Percent(100, 15)}), {}, 20},
        Case{"up_min", true, 10, Rules(Select::kMin, {Replicas(4, 15), Percent(100, 15)}), {}, 14},
        Case{"up_disabled", true, 10, Rules(Select::kDisabled, {Replicas(4, 15)}), {}, 10},
        Case{"up_spent", true, 7, Rules(Select::kMax, {Replicas(4, 15)}), {Aged(10, 4)}, 7},
        Case{"up_strict_end", true, 7, Rules(Select::kMax, {Replicas(4, 15)}), {Aged(15, 4)}, 11},
        // What was removed in the period is given back to the base.
        Case{"up_after_down", true, 5, Rules(Select::kMax, {Replicas(4, 15)}), {Aged(5, -3)}, 12},
        // Never below what is there.
        Case{"up_not_below", true, 20, Rules(Select::kMax, {Replicas(1, 15)}), {Aged(5, 15)}, 20},
        Case{"down_replicas", false, 10, Rules(Select::kMax, {Replicas(4, 15)}), {}, 6},
        Case{"down_percent_truncates", false, 5, Rules(Select::kMax, {Percent(50, 15)}), {}, 2},
        Case{"down_max", false, 10, Rules(Select::kMax, {Replicas(4, 15), Percent(100, 15)}), {}, 0},
        Case{"down_min", false, 10, Rules(Select::kMin, {Replicas(4, 15), Percent(100, 15)}), {}, 6},
        Case{"down_disabled", false, 10, Rules(Select::kDisabled, {}), {}, 10},
        Case{"down_spent", false, 6, Rules(Select::kMax, {Replicas(4, 15)}), {Aged(14, -4)}, 6},
        Case{"down_not_negative", false, 2, Rules(Select::kMax, {Replicas(4, 15)}), {}, 0},
        Case{"down_not_above", false, 2, Rules(Select::kMax, {Replicas(1, 15)}), {Aged(1, -9)}, 2}),
    [](const auto& test) { return test.param.name; });

TEST(RateTest, SaysWhenItWidens) {
  const RateLimit limit = UpLimit(9, Rules(Select::kMax, {Replicas(4, 15), Percent(10, 60)}),
                                  {Aged(12, 2), Aged(3, 2)}, At(kNow));
  EXPECT_EQ(limit.until, At(kNow + 3));
  EXPECT_EQ(limit.detail, "at most 4 replicas per 15s, from 5");
}

TEST(RateTest, RemembersChangesForTheLongestPeriod) {
  const Duration longest = LongestPeriod(Rules(Select::kMax, {Replicas(4, 15), Percent(10, 60)}));
  EXPECT_EQ(longest, absl::Seconds(60));
  std::deque<ScaleChange> changes = {Aged(61, 1), Aged(60, 2)};
  RememberChange(changes, {.at = At(kNow), .change = 0}, longest);
  ASSERT_EQ(changes.size(), 1U);
  RememberChange(changes, {.at = At(kNow), .change = -3}, longest);
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes.back().change, -3);
}

}  // namespace
}  // namespace drover::controller
