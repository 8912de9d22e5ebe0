#include "controller/core/autoscale/decide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/controller/core/autoscale/decide_builder.h"

namespace drover::controller {
namespace {

RatePolicy Replicas(int64_t amount, int64_t period) {
  return {.unit = RatePolicy::Unit::kReplicas, .amount = amount, .period = absl::Seconds(period)};
}

void Expect(const DecideResult& result, int64_t desired, const std::string& reason) {
  EXPECT_EQ(result.decision.desired, desired) << ToText(result.decision);
  EXPECT_EQ(result.decision.reason, reason) << ToText(result.decision);
}

TEST(DecideTest, ScalesUpAtOnceByDefault) {
  const DecideResult result = Scene(1, 20, {Queue(10)}, 2, {Depth(95)}).Decide();
  Expect(result, 10, "DesiredWithinRange");
  EXPECT_EQ(result.decision.winner, "queue thumbs");
  EXPECT_FALSE(result.due.has_value());
  ASSERT_EQ(result.history.changes.size(), 0U);  // no policy needs them
}

TEST(DecideTest, LargestWishWins) {
  const DecideResult result = Scene(1, 20, {Cpu(60), Queue(10)}, 4, {CpuAt(4, 90), Depth(95)}).Decide();
  Expect(result, 10, "DesiredWithinRange");
  EXPECT_EQ(result.decision.winner, "queue thumbs");
  EXPECT_EQ(result.decision.signals[0].wish, 6);
}

TEST(DecideTest, MinAndMax) {
  Expect(Scene(3, 20, {Queue(10)}, 3, {Depth(0)}).Decide(), 3, "TooFewReplicas");
  Expect(Scene(1, 5, {Queue(10)}, 2, {Depth(95)}).Decide(), 5, "TooManyReplicas");
  // A count outside the bounds comes back at once, whatever window and rate say.
  Scene above(1, 5, {Queue(10)}, 9, {Depth(95)});
  above.spec.down.select = ScalingRules::Select::kDisabled;
  Expect(above.Decide(), 5, "TooManyReplicas");
  Scene below(4, 9, {Queue(10)}, 1, {Depth(5)});
  below.spec.up.select = ScalingRules::Select::kDisabled;
  Expect(below.Decide(), 4, "TooFewReplicas");
}

TEST(DecideTest, WindowHoldsDownAndTellsWhenItEnds) {
  const DecideResult held = Scene(1, 20, {Queue(10)}, 8, {Depth(15)}).Wished(100, 8).Decide();
  Expect(held, 8, "ScaleDownStabilized");
  EXPECT_EQ(held.due, At(1200));
  Expect(Scene(1, 20, {Queue(10)}, 8, {Depth(15)}).Wished(300, 8).Decide(), 2, "DesiredWithinRange");
}

TEST(DecideTest, WindowUp) {
  Scene scene(1, 20, {Queue(10)}, 2, {Depth(95)});
  scene.spec.up.stabilization = absl::Seconds(60);
  scene.Wished(10, 2);
  const DecideResult result = scene.Decide();
  Expect(result, 2, "ScaleUpStabilized");
  EXPECT_EQ(result.due, At(1050));
}

TEST(DecideTest, R2_1_LostHistoryHoldsForTheFirstWindow) {
  Scene scene(1, 20, {Queue(10)}, 8, {Depth(15)});
  scene.history.since = At(900);
  const DecideResult held = scene.Decide();
  Expect(held, 8, "ScaleDownStabilized");
  EXPECT_EQ(held.due, At(1200));
  scene.input.now = At(1200);
  Expect(scene.Decide(), 2, "DesiredWithinRange");
}

TEST(DecideTest, RateUpAndDown) {
  Scene up(1, 50, {Queue(10)}, 6, {Depth(300)});
  up.spec.up.policies = {Replicas(4, 15)};
  up.Changed(5, 3);
  const DecideResult result = up.Decide();
  Expect(result, 7, "ScaleUpLimit");
  EXPECT_EQ(result.due, At(1010));
  EXPECT_EQ(result.history.changes.back().change, 1);

  Scene down(1, 50, {Queue(10)}, 20, {Depth(10)});
  down.spec.down = {.stabilization = {}, .select = ScalingRules::Select::kMax, .policies = {Replicas(5, 60)}};
  Expect(down.Decide(), 15, "ScaleDownLimit");
}

TEST(DecideTest, R4_2_UnknownHoldsButOthersMayScaleUp) {
  const SignalInput unknown = NoDepth("redis:6379: connection refused");
  Expect(Scene(1, 20, {Cpu(60), Queue(10)}, 4, {CpuAt(4, 5), unknown}).Decide(), 4, "SignalUnknown");
  Expect(Scene(1, 20, {Cpu(60), Queue(10)}, 4, {CpuAt(4, 90), unknown}).Decide(), 6, "DesiredWithinRange");
  Expect(Scene(1, 20, {Queue(10)}, 4, {unknown}).Decide(), 4, "SignalUnknown");
  EXPECT_EQ(Scene(1, 20, {Queue(10)}, 4, {unknown}).Decide().decision.winner, "");
}

TEST(DecideTest, R4_2_TheWishBeforeAnUnknownTimeStaysBelieved) {
  Scene scene(1, 20, {Queue(10)}, 8, {NoDepth("no answer")});
  scene.Wished(299, 8);
  scene.history = scene.Decide().history;
  scene.input.now = At(1200);
  scene.input.signals = {Depth(0)};
  Expect(scene.Decide(), 8, "ScaleDownStabilized");
}

TEST(DecideTest, IdleToZeroOnlyAfterIdle) {
  Scene scene(0, 20, {Queue(10)}, 1, {Depth(0)});
  scene.spec.idle = absl::Seconds(120);
  scene.WorkedAgo(119);
  const DecideResult waiting = scene.Decide();
  Expect(waiting, 1, "TooFewReplicas");
  EXPECT_EQ(waiting.due, At(1001));
  scene.WorkedAgo(120);
  // Idling is its own window: the recommendation of 100 s ago does not hold it.
  scene.Wished(100, 1);
  Expect(scene.Decide(), 0, "IdleToZero");
}

TEST(DecideTest, IdleCountsFromTheControllerStartWhenNothingIsRemembered) {
  Scene scene(0, 20, {Queue(10)}, 1, {Depth(0)});
  scene.history.since = At(950);
  scene.spec.down.stabilization = {};
  Expect(scene.Decide(), 1, "TooFewReplicas");
  scene.input.now = At(1250);
  Expect(scene.Decide(), 0, "IdleToZero");
}

TEST(DecideTest, APromiseHoldsNothingAtZeroBeforeWorkComes) {
  SignalSpec promise = Queue(0);
  promise.max_wait = absl::Seconds(5);
  SignalInput idle = Depth(0);
  idle.load = WaitingLoad{.running = 0};
  Scene scene(0, 20, {promise}, 1, {idle});
  scene.spec.idle = absl::Seconds(120);
  scene.WorkedAgo(1000);
  for (int i = 0; i < 4; ++i) {
    DecideResult result = scene.Decide();
    EXPECT_EQ(result.decision.desired, 0) << i << " " << ToText(result.decision);
    scene.history = std::move(result.history);
    scene.input.current = scene.input.ready = 0;
    scene.input.now = scene.input.now + absl::Minutes(10);  // so long unseen that the present count is held
  }
}

TEST(DecideTest, APromiseWithoutLoadFallsToMinThroughAWindowLongerThanItsBatches) {
  SignalSpec promise = Queue(0);
  promise.max_wait = absl::Seconds(5);
  SignalInput idle = Depth(0);
  idle.load = WaitingLoad{.running = 0};
  Scene scene(1, 20, {promise}, 5, {idle});
  scene.spec.down.stabilization = absl::Seconds(60);
  for (int i = 0; i < 600; ++i) {
    DecideResult result = scene.Decide();
    scene.history = std::move(result.history);
    scene.input.current = scene.input.ready = result.decision.desired;
    scene.input.now = scene.input.now + absl::Seconds(1);
  }
  EXPECT_EQ(scene.input.current, 1);
}

TEST(DecideTest, IdleToZeroKeepsTheRateLimit) {
  Scene scene(0, 20, {Queue(10)}, 9, {Depth(0)});
  scene.spec.down.policies = {Replicas(5, 60)};
  scene.WorkedAgo(900);
  Expect(scene.Decide(), 4, "ScaleDownLimit");
}

TEST(DecideTest, R4_2_UnknownQueueNeverLeadsToZero) {
  Scene scene(0, 20, {Queue(10)}, 1, {NoDepth("no answer")});
  scene.WorkedAgo(900);
  const DecideResult result = scene.Decide();
  Expect(result, 1, "SignalUnknown");
  EXPECT_EQ(result.history.last_work, At(1000)) << "what passed unseen may have been work";
}

TEST(DecideTest, AnotherSignalThatNeedsReplicasKeepsThemFromZero) {
  Scene scene(0, 20, {Cpu(60), Queue(10)}, 2, {CpuAt(2, 80), Depth(0)});
  scene.WorkedAgo(900);
  Expect(scene.Decide(), 3, "DesiredWithinRange");
  scene.input.signals[0] = CpuAt(2, 3);
  Expect(scene.Decide(), 0, "IdleToZero");
}

TEST(DecideTest, WakesFromZeroAtOnce) {
  Scene scene(0, 20, {Queue(10)}, 0, {Depth(1)});
  scene.spec.up = {
      .stabilization = absl::Seconds(60),
      .select = ScalingRules::Select::kMax,
      .policies = {{.unit = RatePolicy::Unit::kPercent, .amount = 100, .period = absl::Seconds(15)}}};
  scene.Wished(1, 0);
  Expect(scene.Decide(), 1, "WokenFromZero");
  EXPECT_EQ(Scene(0, 20, {Queue(10)}, 0, {Depth(95)}).Decide().decision.desired, 10);
}

TEST(DecideTest, StaysAtZeroUpToTheActivation) {
  Expect(Scene(0, 20, {Queue(10, 5)}, 0, {Depth(5)}).Decide(), 0, "DesiredWithinRange");
  Expect(Scene(0, 20, {Queue(10, 5)}, 0, {Depth(6)}).Decide(), 1, "WokenFromZero");
  Expect(Scene(0, 20, {Queue(10)}, 0, {NoDepth("no answer")}).Decide(), 0, "SignalUnknown");
}

TEST(DecideTest, WithoutAQueueThereIsNoZero) {
  // Nothing could ever wake it.
  Scene scene(0, 20, {Cpu(60)}, 1, {CpuAt(1, 0)});
  Expect(scene.Decide(), 1, "TooFewReplicas");
  Expect(Scene(0, 20, {Cpu(60)}, 0, {CpuAt(0, 0)}).Decide(), 1, "TooFewReplicas");
}

TEST(DecideTest, R10_1_HeldPausedBlocked) {
  Scene held(1, 20, {Queue(10)}, 4, {Depth(95)});
  held.input.held = 6;
  Expect(held.Decide(), 6, "Held");
  held.input.held = 50;
  Expect(held.Decide(), 20, "TooManyReplicas");
  held.spec.min = 0;
  held.input.held = 0;
  Expect(held.Decide(), 0, "Held");

  Scene paused(1, 20, {Queue(10)}, 4, {Depth(95)});
  paused.input.paused = true;
  Expect(paused.Decide(), 4, "Paused");
  paused.input.pause_down_only = true;
  Expect(paused.Decide(), 10, "DesiredWithinRange");
  paused.input.signals = {Depth(5)};
  Expect(paused.Decide(), 4, "Paused");

  Scene blocked(1, 20, {Queue(10)}, 4, {Depth(5)});
  blocked.input.scale_down_blocked = true;
  blocked.input.blocked_reason = "MassLossHold: 3 of 4 nodes silent";
  Expect(blocked.Decide(), 4, "Blocked");
  blocked.input.signals = {Depth(95)};
  Expect(blocked.Decide(), 10, "DesiredWithinRange");
}

TEST(DecideTest, DryRunDecidesAndChangesNothing) {
  Scene scene(1, 20, {Queue(10)}, 4, {Depth(95)});
  scene.spec.dry_run = true;
  const DecideResult result = scene.Decide();
  Expect(result, 4, "DryRun");
  ASSERT_EQ(result.decision.clamps.size(), 1U);
  EXPECT_EQ(result.decision.clamps[0].before, 10);
  EXPECT_TRUE(result.history.changes.empty());
}

TEST(DecideTest, ToleranceIsNotedForTheWinner) {
  const DecideResult result = Scene(1, 20, {Cpu(60)}, 4, {CpuAt(4, 63)}).Decide();
  Expect(result, 4, "DesiredWithinRange");
  ASSERT_EQ(result.decision.clamps.size(), 1U);
  EXPECT_EQ(result.decision.clamps[0].name, "tolerance");
  EXPECT_EQ(result.decision.clamps[0].before, 5);
  EXPECT_EQ(result.decision.clamps[0].after, 4);
  EXPECT_EQ(result.decision.clamps[0].detail, "cpu: 63 % of 60 % is within 10 %");
}

}  // namespace
}  // namespace drover::controller
