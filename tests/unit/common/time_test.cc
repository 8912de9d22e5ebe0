#include "common/time.h"

#include <gtest/gtest.h>

#include <limits>

namespace drover {
namespace {

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();

TEST(InstantTest, AWaitOfTenThousandYearsDoesNotEndInThePast) {
  const Instant now = Instant::FromNanoseconds(1'000'000'000'000);
  EXPECT_EQ(now + absl::Hours(24 * 365 * 10'000), Instant::FromNanoseconds(kMost));
  EXPECT_EQ(now + absl::InfiniteDuration(), Instant::FromNanoseconds(kMost));
  EXPECT_EQ(Instant::FromNanoseconds(-2) - absl::InfiniteDuration(), Instant::FromNanoseconds(kLeast));
  EXPECT_EQ(Instant::FromNanoseconds(-2) + -absl::InfiniteDuration(), Instant::FromNanoseconds(kLeast));
  EXPECT_EQ(Instant::FromNanoseconds(-2) - -absl::InfiniteDuration(), Instant::FromNanoseconds(kMost - 1));
}

TEST(InstantTest, DifferencesAreExactHoweverFarApart) {
  const Instant first = Instant::FromNanoseconds(kLeast);
  const Instant last = Instant::FromNanoseconds(kMost);
  EXPECT_EQ(last - first, absl::Nanoseconds(kMost) - absl::Nanoseconds(kLeast));
  EXPECT_EQ(first - last, absl::Nanoseconds(kLeast) - absl::Nanoseconds(kMost));
  EXPECT_EQ(Instant::FromNanoseconds(5) - Instant::FromNanoseconds(7), absl::Nanoseconds(-2));
}

}  // namespace
}  // namespace drover
