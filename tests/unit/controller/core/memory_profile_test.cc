#include "controller/core/memory_profile.h"

#include <gtest/gtest.h>

#include "common/prng.h"

namespace drover::controller {
namespace {

constexpr int64_t kMiB = 1 << 20;

void Add(MemoryProfile& profile, int64_t bytes, int times) {
  for (int i = 0; i < times; ++i) {
    profile.Add(bytes);
  }
}

TEST(MemoryProfileTest, R3_5_UnknownBeforeAMinute) {
  MemoryProfile profile;
  EXPECT_EQ(profile.P95(), std::nullopt);
  Add(profile, 100 * kMiB, 59);
  EXPECT_EQ(profile.P95(), std::nullopt);
  profile.Add(100 * kMiB);
  EXPECT_NE(profile.P95(), std::nullopt);
}

// Never below the true quantile, and by less than a bucket above it.
TEST(MemoryProfileTest, R3_5_IsTheNinetyFifthPercentile) {
  Prng prng(7);
  for (int round = 0; round < 50; ++round) {
    const int64_t scale = 2 * kMiB << (round % 16);
    MemoryProfile profile;
    std::vector<int64_t> samples;
    for (int i = 0; i < 400; ++i) {
      samples.push_back(scale + static_cast<int64_t>(prng.Next() % static_cast<uint64_t>(4 * scale)));
      profile.Add(samples.back());
    }
    std::sort(samples.begin(), samples.end());
    const auto quantile = static_cast<double>(samples[379]);
    const auto found = static_cast<double>(profile.P95()->value());
    EXPECT_GE(found, quantile - 1);
    EXPECT_LE(found, quantile * 1.09 + 1);
  }
}

TEST(MemoryProfileTest, ARareOutlierDoesNotCount) {
  MemoryProfile profile;
  Add(profile, 50 * kMiB, 97);
  Add(profile, 4000 * kMiB, 3);
  EXPECT_LT(profile.P95()->value(), 60 * kMiB);
}

TEST(MemoryProfileTest, AnotherRevisionOutweighsTheFormerWithinAMinute) {
  MemoryProfile profile;
  Add(profile, 50 * kMiB, 100000);
  profile.Fade();
  EXPECT_LT(profile.P95()->value(), 60 * kMiB) << "until the new one is known, the old one stands";
  Add(profile, 500 * kMiB, 60);
  EXPECT_GE(profile.P95()->value(), 500 * kMiB);
}

TEST(MemoryProfileTest, OddSamplesFitSomewhere) {
  MemoryProfile profile;
  Add(profile, 0, 30);
  Add(profile, INT64_MAX, 30);
  EXPECT_GE(profile.P95()->value(), 1LL << 39);
}

}  // namespace
}  // namespace drover::controller
