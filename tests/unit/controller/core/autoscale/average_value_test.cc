#include "controller/core/autoscale/average_value.h"

#include <limits>

#include <gtest/gtest.h>

namespace drover::controller {
namespace {

struct Case {
  const char* name;
  double total;
  AverageValueRule rule;
  int64_t wish;
  const char* formula;
  const char* held_by = "";
};

class AverageValueTest : public testing::TestWithParam<Case> {};

TEST_P(AverageValueTest, FollowsKeda) {
  const Case& c = GetParam();
  const Wish wish = AverageValueWish(c.total, "", c.rule);
  ASSERT_TRUE(wish.wish.has_value());
  EXPECT_EQ(*wish.wish, c.wish);
  EXPECT_EQ(wish.formula, c.formula);
  EXPECT_EQ(wish.held_by, c.held_by);
  EXPECT_EQ(wish.value, c.total);
}

AverageValueRule Rule(int64_t current, double activation = 0, double tolerance = 0.1) {
  return {.target = 10, .activation = activation, .tolerance = {tolerance, tolerance}, .current = current};
}

INSTANTIATE_TEST_SUITE_P(
    Table, AverageValueTest,
    testing::Values(Case{"up", 95, Rule(1), 10, "ceil(95 / 10) = 10"},
                    Case{"down", 15, Rule(9), 2, "ceil(15 / 10) = 2"},
                    Case{"empty", 0, Rule(3), 0, "ceil(0 / 10) = 0"},
                    Case{"upper_end", 110, Rule(10), 10, "ceil(110 / 10) = 11", "tolerance"},
                    Case{"above_upper_end", 111, Rule(10), 12, "ceil(111 / 10) = 12"},
                    Case{"lower_end", 90, Rule(10), 10, "ceil(90 / 10) = 9", "tolerance"},
                    Case{"below_lower_end", 89, Rule(10), 9, "ceil(89 / 10) = 9"},
                    Case{"from_zero", 1, Rule(0), 1, "ceil(1 / 10) = 1"},
                    Case{"from_zero_many", 101, Rule(0), 11, "ceil(101 / 10) = 11"},
                    // Activation is strictly greater, and only asked at zero.
                    Case{"at_activation", 5, Rule(0, 5), 0, "ceil(5 / 10) = 1", "activation"},
                    Case{"above_activation", 6, Rule(0, 5), 1, "ceil(6 / 10) = 1"},
                    Case{"activation_at_one", 5, Rule(2, 5), 1, "ceil(5 / 10) = 1"},
                    Case{"fraction", 0.5, Rule(0), 1, "ceil(0.5 / 10) = 1"},
                    Case{"saturates", 1e12, Rule(1), std::numeric_limits<int32_t>::max(),
                         "ceil(1000000000000 / 10) = 2147483647"}),
    [](const auto& test) { return test.param.name; });

TEST(AverageValueTest, R4_2_MissingIsUnknownAtOnce) {
  const Wish wish = AverageValueWish(std::nullopt, "redis:6379: connection refused", Rule(3));
  EXPECT_FALSE(wish.wish.has_value());
  EXPECT_EQ(wish.unknown_reason, "redis:6379: connection refused");
  EXPECT_EQ(AverageValueWish(std::nullopt, "", Rule(3)).unknown_reason, "no sample");
}

}  // namespace
}  // namespace drover::controller
