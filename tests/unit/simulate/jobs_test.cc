// The draws of a run: streams, positions, lengths.
#include "simulate/jobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace drover::simulate {
namespace {

TEST(JobsTest, TheGeneratorIsSplitmix64) {
  Prng stream(1234567);  // the first outputs that its authors' code gives
  EXPECT_EQ(stream.Next(), 6457827717110365317u);
  EXPECT_EQ(stream.Next(), 3203168211198807973u);
  EXPECT_EQ(stream.Next(), 9817491932198370423u);
}

TEST(JobsTest, ThreeStreamsOfASeed) {
  Streams streams(7);
  EXPECT_EQ(streams.arrivals.Next(), Prng(22).Next());
  EXPECT_EQ(streams.lengths.Next(), Prng(23).Next());
  EXPECT_EQ(streams.startups.Next(), Prng(24).Next());
}

TEST(JobsTest, ArrivalsAreSortedPositionsInTheirBin) {
  Streams streams(1);
  const Jobs jobs = MakeJobs({.name = "t", .bin_s = 10, .counts = {2, 0, 1}}, {.mean_s = 5}, streams);
  Prng arrivals(4);
  double a = 10 * arrivals.Uniform();
  double b = 10 * arrivals.Uniform();
  EXPECT_THAT(jobs.arrival_s,
              testing::ElementsAre(std::min(a, b), std::max(a, b), 20 + 10 * arrivals.Uniform()));
  Prng lengths(5);
  EXPECT_DOUBLE_EQ(jobs.length_s[0], -std::log(1 - lengths.Uniform()) * 5);
}

struct Moments {
  double mean = 0;
  double variation = 0;
};

Moments MomentsOf(JobLength length) {
  Streams streams(3);
  const Jobs jobs = MakeJobs({.name = "t", .bin_s = 1, .counts = {100'000, 100'000}},
                             {.length = length, .mean_s = 4}, streams);
  const double n = static_cast<double>(jobs.length_s.size());
  const double mean = std::accumulate(jobs.length_s.begin(), jobs.length_s.end(), 0.0) / n;
  double squares = 0;
  for (const double x : jobs.length_s) {
    squares += (x - mean) * (x - mean);
  }
  return {.mean = mean, .variation = std::sqrt(squares / n) / mean};
}

TEST(JobsTest, LengthsHaveTheirMeanAndVariation) {
  const Moments exponential = MomentsOf(JobLength::kExponential);
  EXPECT_NEAR(exponential.mean, 4, 0.05);
  EXPECT_NEAR(exponential.variation, 1, 0.02);
  const Moments log_normal = MomentsOf(JobLength::kLogNormal);
  EXPECT_NEAR(log_normal.mean, 4, 0.1);
  EXPECT_NEAR(log_normal.variation, 2, 0.2);
  EXPECT_EQ(MomentsOf(JobLength::kDeterministic).variation, 0);
}

TEST(JobsTest, LengthsMayDouble) {
  Streams streams(1);
  const Jobs jobs = MakeJobs({.name = "t", .bin_s = 10, .counts = {1, 1}},
                             {.length = JobLength::kDeterministic, .mean_s = 3, .doubles_at_s = 10}, streams);
  EXPECT_THAT(jobs.length_s, testing::ElementsAre(3, 6));
}

}  // namespace
}  // namespace drover::simulate
