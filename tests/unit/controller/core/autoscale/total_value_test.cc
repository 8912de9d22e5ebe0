#include "controller/core/autoscale/total_value.h"

#include <gtest/gtest.h>

#include "tests/unit/controller/core/autoscale/decide_builder.h"

namespace drover::controller {
namespace {

struct Case {
  double total;
  int64_t current;
  int64_t ready;
  int64_t wish;
  std::string held_by = "";
};

TEST(TotalValueTest, TheReadyReplicasAreScaledSoThatTheWholeIsTheTarget) {
  const Case cases[] = {
      {250, 4, 4, 10},
      {50, 4, 4, 2},
      {0, 4, 4, 0},
      {109, 4, 4, 4, "tolerance"},
      {111, 4, 4, 5},
      {91, 4, 4, 4, "tolerance"},
      {250, 10, 4, 10},             // six are starting
      {250, 4, 0, 4, "not ready"},  // nothing to scale
      {250, 0, 0, 3},               // from zero: ceil(2.5)
      {20, 0, 0, 0, "activation"},  // not above it
      {1e300, 4, 4, 2147483647},    // stops at the largest count
  };
  for (const Case& c : cases) {
    const Wish wish = TotalValueWish(c.total, "",
                                     {.target = 100,
                                      .activation = 20,
                                      .tolerance = {.up = 0.1, .down = 0.1},
                                      .current = c.current,
                                      .ready = c.ready});
    EXPECT_EQ(wish.wish, c.wish) << c.total << ": " << wish.formula;
    EXPECT_EQ(wish.held_by, c.held_by) << c.total;
    EXPECT_EQ(wish.value, c.total);
  }
}

TEST(TotalValueTest, R4_UnknownIsNoWish) {
  const Wish wish = TotalValueWish(std::nullopt, "redis: no answer", {.target = 1, .tolerance = {}});
  EXPECT_FALSE(wish.wish);
  EXPECT_EQ(wish.unknown_reason, "redis: no answer");
}

TEST(TotalValueTest, TheHpaGoesByReadyReplicasAloneAndKedaFallsBackThroughThem) {
  Scene hpa(1, 40, {QueueTotal(100)}, 4, {Depth(250)});
  hpa.spec.policy = AutoscaleSpec::Policy::kHpa;
  hpa.input.ready = 0;
  EXPECT_EQ(hpa.Decide().decision.signals[0].wish, 0);

  Scene keda(1, 40, {QueueTotal(100)}, 4, {NoDepth("no answer")});
  keda.spec.policy = AutoscaleSpec::Policy::kKeda;
  keda.spec.fallback = FallbackSpec{.failure_threshold = 0, .replicas = 6};
  EXPECT_EQ(keda.Decide().decision.signals[0].wish, 6);
  keda.spec.policy = AutoscaleSpec::Policy::kDrover;
  EXPECT_EQ(keda.Decide().decision.signals[0].wish, 6);
}

}  // namespace
}  // namespace drover::controller
