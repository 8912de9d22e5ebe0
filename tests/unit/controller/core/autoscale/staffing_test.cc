#include "controller/core/autoscale/staffing.h"

#include <gtest/gtest.h>

#include "controller/core/autoscale/trail.h"

namespace drover::controller {
namespace {

TEST(StaffingTest, TheDelayProbabilityOfHalfinAndWhitt) {
  // Spare capacity of one square root of the load: 0.2234, whatever the load.
  EXPECT_NEAR(DelayProbability({.busy = 100, .dispersion = 1, .promise = 0}, 10), 0.2234, 1e-3);
  EXPECT_NEAR(DelayProbability({.busy = 400, .dispersion = 1, .promise = 0}, 20), 0.2234, 1e-3);
  EXPECT_EQ(DelayProbability({.busy = 9, .dispersion = 1, .promise = 0}, 0), 1);
}

TEST(StaffingTest, SpareGrowsAsTheSquareRootAndShrinksWithThePromise) {
  const double small = SpareFor({.busy = 25, .dispersion = 1, .promise = 0}, 0.01);
  const double large = SpareFor({.busy = 2500, .dispersion = 1, .promise = 0}, 0.01);
  EXPECT_NEAR(large / small, 10, 0.01);
  EXPECT_LT(SpareFor({.busy = 25, .dispersion = 1, .promise = 1}, 0.01), small / 2);
  EXPECT_GT(SpareFor({.busy = 25, .dispersion = 4, .promise = 0}, 0.01), 1.9 * small);
  EXPECT_EQ(SpareFor({.busy = 0, .dispersion = 1, .promise = 1}, 0.01), 0);
}

TEST(StaffingTest, NormalQuantiles) {
  EXPECT_NEAR(NormalQuantile(0.5), 0, 1e-3);
  EXPECT_NEAR(NormalQuantile(0.975), 1.960, 1e-3);
  EXPECT_NEAR(NormalQuantile(0.99), 2.326, 1e-3);
}

TEST(TrailTest, RemembersTheSpanInBoundedMemory) {
  Trail trail;
  EXPECT_EQ(trail.At(5), std::nullopt);
  for (int tick = 0; tick <= 10'000; ++tick) {
    trail.Add(tick * 0.1, tick, 16);
  }
  EXPECT_NEAR(*trail.At(1000), 10'000, 1e-9);
  EXPECT_NEAR(*trail.At(984), 9'840, 1e-6);
  EXPECT_NEAR(*trail.At(990.55), 9'905.5, 1e-6);  // between points
  EXPECT_EQ(trail.At(900), std::nullopt);
  trail.Clear();
  EXPECT_EQ(trail.At(1000), std::nullopt);
}

}  // namespace
}  // namespace drover::controller
