#include "controller/core/autoscale/stabilize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover::controller {
namespace {

constexpr int64_t kNow = 1000;

Instant At(int64_t seconds) { return Instant::FromNanoseconds(seconds * 1'000'000'000); }

std::deque<Recommendation> Aged(std::vector<std::pair<int64_t, int64_t>> age_and_value) {
  std::deque<Recommendation> history;
  for (const auto& [age, value] : age_and_value) {
    history.push_back({.at = At(kNow - age), .value = value});
  }
  return history;
}

struct Case {
  const char* name;
  int64_t current;
  int64_t recommended;
  int64_t up_window;
  int64_t down_window;
  std::vector<std::pair<int64_t, int64_t>> history;
  int64_t value;
  std::optional<int64_t> until;  // seconds from now
};

class StabilizeTest : public testing::TestWithParam<Case> {};

TEST_P(StabilizeTest, FollowsTheHpa) {
  const Case& c = GetParam();
  const Stabilized result = Stabilize({.current = c.current,
                                       .recommended = c.recommended,
                                       .up_window = absl::Seconds(c.up_window),
                                       .down_window = absl::Seconds(c.down_window),
                                       .now = At(kNow)},
                                      Aged(c.history));
  EXPECT_EQ(result.value, c.value);
  EXPECT_EQ(result.until, c.until ? std::optional(At(kNow + *c.until)) : std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(
    Table, StabilizeTest,
    testing::Values(Case{"no_window", 5, 2, 0, 0, {{1, 9}}, 2, {}},
                    Case{"down_free", 5, 2, 0, 300, {}, 2, {}},
                    Case{"down_held", 5, 2, 0, 300, {{60, 9}}, 5, 240},
                    Case{"down_partly", 9, 2, 0, 300, {{60, 4}, {30, 3}}, 4, 240},
                    // The next step down comes when the last one at or above the held count leaves.
                    Case{"down_later_one_counts", 5, 2, 0, 300, {{200, 9}, {100, 5}, {50, 3}}, 5, 200},
                    Case{"strict_end", 5, 2, 0, 300, {{300, 9}}, 2, {}},
                    Case{"just_inside", 5, 2, 0, 300, {{299, 9}}, 5, 1},
                    Case{"up_free_by_default", 2, 9, 0, 300, {{10, 2}}, 9, {}},
                    Case{"up_held", 2, 9, 60, 300, {{10, 2}}, 2, 50},
                    Case{"up_partly", 2, 9, 60, 300, {{50, 6}, {10, 7}}, 6, 10},
                    Case{"up_strict_end", 2, 9, 60, 300, {{60, 2}}, 9, {}},
                    Case{"both_hold", 5, 5, 60, 60, {{10, 2}, {5, 9}}, 5, {}}),
    [](const auto& test) { return test.param.name; });

TEST(RememberTest, KeepsOnlyWhatCanStillMatter) {
  std::deque<Recommendation> history;
  for (const auto& [at, value] :
       std::vector<std::pair<int64_t, int64_t>>{{1, 5}, {2, 9}, {3, 9}, {4, 3}, {5, 4}, {6, 4}}) {
    Remember(history, {.at = At(at), .value = value}, absl::Seconds(100));
    Compact(history);
  }
  std::vector<std::pair<int64_t, int64_t>> kept;
  for (const Recommendation& r : history) {
    kept.emplace_back(r.at.nanoseconds() / 1'000'000'000, r.value);
  }
  EXPECT_THAT(kept, testing::ElementsAre(testing::Pair(3, 9), testing::Pair(4, 3), testing::Pair(6, 4)));
}

TEST(RememberTest, ForgetsWhatIsOlderThanTheLongestWindow) {
  std::deque<Recommendation> history;
  Remember(history, {.at = At(0), .value = 9}, absl::Seconds(10));
  Remember(history, {.at = At(10), .value = 1}, absl::Seconds(10));
  EXPECT_EQ(history.size(), 2U);
  Remember(history, {.at = At(11), .value = 1}, absl::Seconds(10));
  EXPECT_EQ(history.size(), 2U);
  // The newest stays whatever the window.
  Remember(history, {.at = At(30), .value = 2}, absl::ZeroDuration());
  EXPECT_EQ(history.size(), 1U);
}

TEST(RememberTest, GivesTheSameAnswersAsTheFullHistory) {
  std::deque<Recommendation> full;
  std::deque<Recommendation> compact;
  for (int64_t t = 0; t < 400; ++t) {
    const int64_t value = (t * t * 7 + t * 3) % 23;
    const StabilizeInput input = {.current = 11,
                                  .recommended = value,
                                  .up_window = absl::Seconds(17),
                                  .down_window = absl::Seconds(61),
                                  .now = At(t)};
    const Stabilized a = Stabilize(input, full);
    const Stabilized b = Stabilize(input, compact);
    ASSERT_EQ(a.value, b.value) << t;
    ASSERT_EQ(a.until, b.until) << t;
    full.push_back({.at = At(t), .value = value});
    Remember(compact, full.back(), absl::Seconds(61));
    Compact(compact);
    ASSERT_LE(compact.size(), 47U);
  }
}

}  // namespace
}  // namespace drover::controller
