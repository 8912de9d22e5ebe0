#include "common/request_times.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/prng.h"

namespace drover {
namespace {

using Histogram = DurationHistogram;

// The rank that Quantile looks for: the share `quantile` of the samples is below it.
Duration TrueQuantile(std::vector<Duration> samples, double quantile) {
  std::sort(samples.begin(), samples.end());
  return samples[std::min(samples.size() - 1,
                          static_cast<size_t>(quantile * static_cast<double>(samples.size())))];
}

std::vector<Duration> Draw(Prng& prng, int count) {
  std::vector<Duration> samples;
  const double scale = std::exp(prng.Uniform() * 9);  // 1 ms to 8 s
  for (int i = 0; i < count; ++i) {
    samples.push_back(absl::Milliseconds(-scale * std::log(1 - prng.Uniform())));
  }
  return samples;
}

Histogram Of(const std::vector<Duration>& samples) {
  Histogram histogram;
  for (const Duration sample : samples) {
    histogram.Add(sample);
  }
  return histogram;
}

TEST(DurationHistogramTest, BoundsGrowByFifteenPercentAtMost) {
  EXPECT_EQ(Histogram::Lower(0), absl::ZeroDuration());
  EXPECT_EQ(Histogram::Lower(1), absl::Milliseconds(1));
  for (size_t i = 2; i < Histogram::kBuckets; ++i) {
    const double ratio = absl::FDivDuration(Histogram::Lower(i), Histogram::Lower(i - 1));
    EXPECT_GT(ratio, 1.149) << i;
    EXPECT_LE(ratio, 1.15) << i;
  }
  EXPECT_GE(Histogram::Lower(Histogram::kBuckets - 1), absl::Minutes(5));
}

TEST(DurationHistogramTest, EveryDurationHasItsBucket) {
  for (size_t i = 0; i < Histogram::kBuckets; ++i) {
    EXPECT_EQ(Histogram::BucketOf(Histogram::Lower(i)), i);
    if (i > 0) {
      EXPECT_EQ(Histogram::BucketOf(Histogram::Lower(i) - absl::Microseconds(1)), i - 1);
    }
  }
  EXPECT_EQ(Histogram::BucketOf(absl::Seconds(-1)), 0u);
  EXPECT_EQ(Histogram::BucketOf(absl::InfiniteDuration()), Histogram::kBuckets - 1);
}

TEST(DurationHistogramTest, AQuantileNeedsFiveSamplesBeyondIt) {
  EXPECT_EQ(Histogram::SamplesFor(0.5), 10);
  EXPECT_EQ(Histogram::SamplesFor(0.95), 100);
  EXPECT_EQ(Histogram::SamplesFor(0.99), 500);
  EXPECT_EQ(Histogram::SamplesFor(0.999), 5000);
  Histogram histogram = Of(std::vector<Duration>(99, absl::Milliseconds(20)));
  EXPECT_FALSE(histogram.Quantile(0.95));
  EXPECT_TRUE(histogram.Quantile(0.9));
  histogram.Add(absl::Milliseconds(20));
  EXPECT_TRUE(histogram.Quantile(0.95));
  EXPECT_FALSE(Histogram().Quantile(0.5));
}

TEST(DurationHistogramTest, AQuantileIsInTheBucketOfTheTrueOne) {
  Prng prng(7);
  for (int round = 0; round < 300; ++round) {
    const std::vector<Duration> samples = Draw(prng, 500 + static_cast<int>(prng.Below(3000)));
    const Histogram histogram = Of(samples);
    for (const double quantile : {0.5, 0.75, 0.9, 0.95, 0.99}) {
      const Duration exact = TrueQuantile(samples, quantile);
      const std::optional<Duration> told = histogram.Quantile(quantile);
      ASSERT_TRUE(told);
      EXPECT_EQ(Histogram::BucketOf(*told), Histogram::BucketOf(exact)) << exact << " and " << *told;
      EXPECT_LT(absl::AbsDuration(*told - exact), std::max(absl::Milliseconds(1), 0.15 * exact));
    }
  }
}

TEST(DurationHistogramTest, MergingIsAddingInAnyOrder) {
  Prng prng(11);
  for (int round = 0; round < 100; ++round) {
    const std::vector<Duration> first = Draw(prng, 1 + static_cast<int>(prng.Below(900)));
    const std::vector<Duration> second = Draw(prng, 1 + static_cast<int>(prng.Below(900)));
    std::vector<Duration> all = first;
    all.insert(all.end(), second.begin(), second.end());
    Histogram one = Of(first);
    one.Merge(Of(second));
    Histogram other = Of(second);
    other.Merge(Of(first));
    EXPECT_TRUE(one == other);
    EXPECT_TRUE(one == Of(all));
  }
}

// One edge logs a tenth of its requests, another all: the first has ten times the say, and a few samples of
// great weight are no more than a few.
TEST(DurationHistogramTest, AMergedSampleStandsForItsWeight) {
  const Histogram slow = Of(std::vector<Duration>(100, absl::Milliseconds(500)));
  const Histogram fast = Of(std::vector<Duration>(500, absl::Milliseconds(5)));
  Histogram both;
  both.Merge(slow, 10);
  both.Merge(fast);
  EXPECT_EQ(Histogram::BucketOf(*both.Quantile(0.5)), Histogram::BucketOf(absl::Milliseconds(500)));
  EXPECT_EQ(both.samples(), 600);
  EXPECT_TRUE(both.Quantile(0.95));
  EXPECT_FALSE(both.Quantile(0.99)) << "as good as 214 of equal weight";
}

TEST(DurationHistogramTest, CountsAreAllOfIt) {
  const Histogram histogram =
      Of({absl::Milliseconds(3), absl::Milliseconds(3), absl::Milliseconds(80), absl::Minutes(9)});
  EXPECT_EQ(histogram.Counts().size(), Histogram::kBuckets);
  EXPECT_TRUE(Histogram::FromCounts(histogram.Counts()) == histogram);
  EXPECT_TRUE(Histogram().Counts().empty());
  EXPECT_EQ(Of({absl::Milliseconds(1)}).Counts(), (std::vector<uint32_t>{0, 1}));
  // More than this version knows is the longest there is.
  EXPECT_EQ(Histogram::FromCounts(std::vector<uint32_t>(200, 1)).samples(), 200);
}

}  // namespace
}  // namespace drover
