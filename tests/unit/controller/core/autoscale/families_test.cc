// Decide under `policy: hpa | keda | kpa`, schedules and fallbacks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/core/autoscale/hpa.h"
#include "tests/unit/controller/core/autoscale/decide_builder.h"

namespace drover::controller {
namespace {

using Policy = AutoscaleSpec::Policy;

void Expect(const DecideResult& result, int64_t desired, const std::string& reason) {
  EXPECT_EQ(result.decision.desired, desired) << ToText(result.decision);
  EXPECT_EQ(result.decision.reason, reason) << ToText(result.decision);
}

// Ready replicas that have run for an hour.
SignalInput OldCpuAt(int64_t count, double percent) {
  SignalInput input = CpuAt(count, percent);
  for (ReplicaUsage& usage : input.replicas) {
    usage.status = {.ready = true, .started_ago = absl::Hours(1), .ready_changed = absl::Hours(1)};
  }
  return input;
}

Scene Of(Policy policy, Scene scene) {
  scene.spec.policy = policy;
  const bool hpa = policy == Policy::kHpa || policy == Policy::kKeda;
  scene.spec.up = hpa ? HpaDefaultUp() : ScalingRules();
  scene.spec.down = hpa ? HpaDefaultDown() : ScalingRules();
  return scene;
}

// The next evaluation, `seconds` later, with the count decided.
DecideResult Later(Scene& scene, const DecideResult& before, int64_t seconds) {
  scene.history = before.history;
  scene.input.current = scene.input.ready = before.decision.desired;
  scene.input.now = scene.input.now + absl::Seconds(seconds);
  scene.input.wall += absl::Seconds(seconds);
  return scene.Decide();
}

TEST(HpaFamilyTest, APassEvery15Seconds) {
  Scene scene = Of(Policy::kHpa, Scene(1, 50, {Cpu(50)}, 4, {OldCpuAt(4, 200)}));
  const DecideResult first = scene.Decide();
  Expect(first, 8, "ScaleUpLimit");  // 100 % or 4 replicas a 15 s
  EXPECT_EQ(first.due, At(1015));
  scene.input.signals = {OldCpuAt(8, 200)};
  const DecideResult between = Later(scene, first, 14);
  Expect(between, 8, "BetweenPasses");
  Expect(Later(scene, between, 1), 16, "ScaleUpLimit");
}

TEST(HpaFamilyTest, TheFirstPassHoldsWhatItFinds) {
  Scene scene = Of(Policy::kHpa, Scene(1, 50, {Cpu(50)}, 4, {OldCpuAt(4, 5)}));
  const DecideResult first = scene.Decide();
  Expect(first, 4, "ScaleDownStabilized");
  Expect(Later(scene, first, 299), 4, "ScaleDownStabilized");
  Expect(Later(scene, first, 301), 1, "DesiredWithinRange");
}

TEST(HpaFamilyTest, CountsWithMoreThanAFifthMissing) {
  SignalInput half = OldCpuAt(4, 100);
  half.replicas[0].used.reset();
  half.replicas[1].used.reset();
  // 100 % of two is 50 % of four: no change rather than unknown.
  Expect(Of(Policy::kHpa, Scene(1, 50, {Cpu(50)}, 4, {half})).Decide(), 4, "DesiredWithinRange");
}

TEST(HpaFamilyTest, FailuresNeverLower) {
  const SignalInput unknown = NoDepth("no answer");
  Expect(Of(Policy::kHpa, Scene(1, 50, {Cpu(50), Queue(10)}, 4, {OldCpuAt(4, 5), unknown})).Decide(), 4,
         "FailedGetExternalMetric");
  Expect(Of(Policy::kHpa, Scene(1, 50, {Cpu(50), Queue(10)}, 4, {OldCpuAt(4, 90), unknown})).Decide(), 8,
         "DesiredWithinRange");
}

TEST(KedaFamilyTest, WakesAtOnceAndGoesToZeroAfterTheCooldown) {
  Scene scene = Of(Policy::kKeda, Scene(0, 50, {Queue(10, 2)}, 0, {Depth(2)}));
  Expect(scene.Decide(), 0, "Inactive");
  scene.input.signals = {Depth(95)};
  const DecideResult awake = scene.Decide();
  Expect(awake, 1, "WokenFromZero");
  scene.input.signals = {Depth(0)};
  const DecideResult cooling = Later(scene, awake, 300);
  EXPECT_EQ(cooling.decision.desired, 1) << ToText(cooling.decision);
  Expect(Later(scene, cooling, 1), 0, "IdleToZero");
}

TEST(KedaFamilyTest, IdleReplicasBelowMin) {
  Scene scene = Of(Policy::kKeda, Scene(5, 50, {Queue(10)}, 5, {Depth(0)}));
  scene.spec.idle_replicas = 0;
  scene.WorkedAgo(301);
  const DecideResult idle = scene.Decide();
  Expect(idle, 0, "IdleToZero");
  scene.input.signals = {Depth(1)};
  Expect(Later(scene, idle, 1), 5, "WokenFromZero");
}

TEST(KedaFamilyTest, FallbackAfterTheThreshold) {
  Scene scene = Of(Policy::kKeda, Scene(0, 50, {Queue(10)}, 2, {NoDepth("no answer")}));
  scene.spec.fallback = FallbackSpec{.failure_threshold = 1, .replicas = 6};
  const DecideResult first = scene.Decide();
  Expect(first, 2, "FailedGetExternalMetric");
  EXPECT_EQ(first.due, At(1015));
  Expect(Later(scene, first, 30), 6, "DesiredWithinRange");
}

TEST(KpaFamilyTest, PanicsUpAndHolds) {
  Scene scene = Of(Policy::kKpa, Scene(0, 50, {Queue(10)}, 1, {Depth(10)}));
  DecideResult result = scene.Decide();
  Expect(result, 1, "DesiredWithinRange");
  for (int i = 0; i < 59; ++i) {
    result = Later(scene, result, 1);
  }
  scene.input.signals = {Depth(300)};
  for (int i = 0; i < 7; ++i) {  // ticks every 2 s
    result = Later(scene, result, 1);
  }
  EXPECT_EQ(result.decision.desired, 30) << ToText(result.decision);
  // The surge is over: nothing goes down until it has left the stable window.
  scene.input.signals = {Depth(0)};
  for (int i = 0; i < 30; ++i) {
    result = Later(scene, result, 1);
  }
  EXPECT_EQ(result.decision.desired, 30) << ToText(result.decision);
}

TEST(KpaFamilyTest, ToZeroAfterTheGraceAndNeverOnUnknown) {
  Scene scene = Of(Policy::kKpa, Scene(0, 50, {Queue(10)}, 1, {Depth(0)}));
  const DecideResult first = scene.Decide();
  Expect(first, 1, "ScaleToZeroGrace");
  Scene silent = scene;
  silent.input.signals = {NoDepth("no answer")};
  Expect(Later(silent, first, 60), 1, "SignalUnknown");
  Expect(Later(scene, first, 30), 0, "DesiredWithinRange");
}

TEST(FallbackTest, InDroversOwnFamilyToo) {
  Scene scene(1, 20, {Queue(10)}, 8, {NoDepth("no answer")});
  scene.spec.fallback = FallbackSpec{.failure_threshold = 2, .replicas = 12};
  DecideResult result = scene.Decide();
  Expect(result, 8, "SignalUnknown");
  result = Later(scene, result, 1);
  Expect(result, 8, "SignalUnknown");
  EXPECT_EQ(result.due, At(1002));
  result = Later(scene, result, 1);
  Expect(result, 12, "DesiredWithinRange");
  EXPECT_EQ(result.decision.signals[0].formula, "fallback: 12, because no answer");
  scene.input.signals = {Depth(150)};
  Expect(Later(scene, result, 1), 15, "DesiredWithinRange");
}

Scene Scheduled(const char* zone, int64_t current) {
  SignalSpec signal;
  signal.kind = SignalSpec::Kind::kSchedule;
  signal.schedule = ScheduleSpec{.start = *Cron::Parse("30 2 * * *"),
                                 .end = *Cron::Parse("0 4 * * *"),
                                 .zone = *FindTimeZone(zone),
                                 .replicas = 10};
  Scene scene(2, 20, {signal}, current, {SignalInput()});
  scene.spec.down.stabilization = absl::ZeroDuration();
  return scene;
}

absl::Time Utc(int month, int day, int hour, int minute) {
  return absl::FromCivil(absl::CivilMinute(2026, month, day, hour, minute), absl::UTCTimeZone());
}

TEST(ScheduleTest, HoldsAcrossDaylightSaving) {
  struct Case {
    absl::Time wall;
    int64_t desired;
  };

  const Case cases[] = {
      {Utc(1, 10, 1, 29), 2},
      {Utc(1, 10, 1, 30), 10},
      {Utc(1, 10, 2, 59), 10},
      {Utc(1, 10, 3, 0), 2},
      // 29 March: 02:30 does not exist, it begins at 03:00 summer time, 01:00 UTC.
      {Utc(3, 29, 0, 59), 2},
      {Utc(3, 29, 1, 0), 10},
      {Utc(3, 29, 2, 0), 2},
      // 25 October: 02:30 exists twice; from the first, 00:30 UTC, to 04:00 winter time, 03:00 UTC.
      {Utc(10, 25, 0, 29), 2},
      {Utc(10, 25, 0, 30), 10},
      {Utc(10, 25, 1, 15), 10},
      {Utc(10, 25, 3, 0), 2}};
  for (const Case& c : cases) {
    Scene scene = Scheduled("Europe/Berlin", 2);
    scene.input.wall = c.wall;
    EXPECT_EQ(scene.Decide().decision.desired, c.desired) << c.wall;
  }
}

TEST(ScheduleTest, LooksAgainAtTheNextTimeOrAfterAMinute) {
  Scene scene = Scheduled("", 2);
  scene.input.wall = Utc(1, 10, 2, 29) + absl::Seconds(30);
  EXPECT_EQ(scene.Decide().due, At(1030));
  scene.input.wall = Utc(1, 10, 2, 0);
  EXPECT_EQ(scene.Decide().due, At(1060));
}

}  // namespace
}  // namespace drover::controller
