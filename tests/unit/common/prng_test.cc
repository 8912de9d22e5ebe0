#include "common/prng.h"

#include <gtest/gtest.h>

namespace drover {
namespace {

// Reference values of splitmix64 for seed 1234567 (Vigna's public-domain program).
TEST(PrngTest, IsSplitmix64) {
  Prng prng(1234567);
  EXPECT_EQ(prng.Next(), 6457827717110365317ULL);
  EXPECT_EQ(prng.Next(), 3203168211198807973ULL);
}

TEST(PrngTest, SplitStreamsDoNotDependOnDrawsOfEachOther) {
  Prng a(7);
  Prng network = a.Split("network");
  Prng load = a.Split("load");
  const uint64_t first_load = load.Next();
  network.Next();
  EXPECT_EQ(a.Split("load").Next(), first_load);
  EXPECT_NE(a.Split("network").Next(), first_load);
}

TEST(PrngTest, UniformStaysInItsRange) {
  Prng prng(1);
  for (int i = 0; i < 1000; ++i) {
    const double u = prng.Uniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    ASSERT_LT(prng.Below(3), 3U);
  }
}

}  // namespace
}  // namespace drover
