// Properties of the decision engine over generated services and histories. A failure prints the seed.
#include <gtest/gtest.h>

#include "common/prng.h"
#include "controller/core/autoscale/decide.h"

namespace drover::controller {
namespace {

constexpr uint64_t kSeeds = 3000;

Instant At(int64_t seconds) { return Instant::FromNanoseconds(seconds * 1'000'000'000); }

ScalingRules SomeRules(Prng& prng) {
  ScalingRules rules;
  rules.stabilization = absl::Seconds(prng.Below(4) * 60);
  rules.select = static_cast<ScalingRules::Select>(prng.Below(3));
  for (uint64_t i = prng.Below(3); i > 0; --i) {
    rules.policies.push_back({.unit = static_cast<RatePolicy::Unit>(prng.Below(2)),
                              .amount = static_cast<int64_t>(1 + prng.Below(100)),
                              .period = absl::Seconds(1 + prng.Below(120))});
  }
  return rules;
}

// A service with history; the generated parts are values, so that one can be changed at a time.
struct World {
  AutoscaleSpec spec;
  DecideInput input;
  ScalingHistory history;

  DecideResult Decide() const {
    DecideInput copy = input;
    copy.spec = &spec;
    return controller::Decide(copy, history);
  }
};

SignalInput SomeMeasure(Prng& prng, SignalSpec::Kind kind, int64_t count) {
  SignalInput measured;
  if (kind == SignalSpec::Kind::kQueue) {
    if (prng.Chance(0.8)) {
      measured.total = static_cast<double>(prng.Below(400)) * (prng.Chance(0.3) ? 0 : 1);
    }
    return measured;
  }
  const double level = static_cast<double>(prng.Below(1500));
  for (int64_t i = 0; i < count; ++i) {
    ReplicaUsage usage{
        .ready = prng.Chance(0.9), .warming_up = prng.Chance(0.1), .used = {}, .reserved = 1000};
    if (prng.Chance(0.95)) {
      usage.used = level;
    }
    measured.replicas.push_back(usage);
  }
  return measured;
}

World SomeWorld(Prng& prng, uint64_t signals) {
  World world;
  world.spec.min = static_cast<int64_t>(prng.Below(4));
  world.spec.max = std::max<int64_t>(1, world.spec.min + static_cast<int64_t>(prng.Below(30)));
  world.spec.up = SomeRules(prng);
  world.spec.down = SomeRules(prng);
  world.spec.tolerance = static_cast<double>(prng.Below(3)) * 0.1;
  world.spec.idle = absl::Seconds(prng.Below(300));
  world.input.now = At(1000);
  world.input.current =
      world.spec.min +
      static_cast<int64_t>(prng.Below(static_cast<uint64_t>(world.spec.max - world.spec.min + 1)));
  world.history.since = At(static_cast<int64_t>(prng.Below(1000)));
  world.history.count_at_start = static_cast<int64_t>(prng.Below(30));
  for (int64_t t = 800; t < 1000; t += 1 + static_cast<int64_t>(prng.Below(60))) {
    world.history.recommendations.push_back({.at = At(t), .value = static_cast<int64_t>(prng.Below(40))});
    world.history.changes.push_back({.at = At(t), .change = static_cast<int64_t>(prng.Below(9)) - 4});
  }
  if (prng.Chance(0.5)) {
    world.history.last_work = At(static_cast<int64_t>(prng.Below(1000)));
  }
  for (uint64_t i = 0; i < signals; ++i) {
    SignalSpec signal;
    signal.kind = prng.Chance(0.5) ? SignalSpec::Kind::kCpu : SignalSpec::Kind::kQueue;
    signal.target = static_cast<double>(1 + prng.Below(120));
    signal.activation = static_cast<double>(prng.Below(3));
    world.spec.signals.push_back(signal);
    world.input.signals.push_back(SomeMeasure(prng, signal.kind, world.input.current));
  }
  return world;
}

TEST(AutoscaleProperty, StaysBetweenMinAndMaxWhateverHappens) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Prng prng(seed);
    World world = SomeWorld(prng, 1 + prng.Below(3));
    world.input.current = static_cast<int64_t>(prng.Below(60));
    world.input.paused = prng.Chance(0.2);
    world.input.pause_down_only = prng.Chance(0.1);
    world.input.scale_down_blocked = prng.Chance(0.2);
    if (prng.Chance(0.2)) {
      world.input.held = static_cast<int64_t>(prng.Below(60));
    }
    const Decision decision = world.Decide().decision;
    ASSERT_GE(decision.desired, world.spec.min) << "seed " << seed << "\n" << ToText(decision);
    ASSERT_LE(decision.desired, world.spec.max) << "seed " << seed << "\n" << ToText(decision);
    ASSERT_FALSE(decision.reason.empty());
    // The steps lead from one to the next, and to the result.
    for (size_t i = 1; i < decision.clamps.size(); ++i) {
      ASSERT_EQ(decision.clamps[i].before, decision.clamps[i - 1].after) << "seed " << seed;
    }
    if (!decision.clamps.empty()) {
      ASSERT_EQ(decision.clamps.back().after, decision.desired) << "seed " << seed;
    }
  }
}

TEST(AutoscaleProperty, MoreLoadNeverMeansFewer) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Prng prng(seed);
    const World world = SomeWorld(prng, 1);
    int64_t before = 0;
    for (int load = 0; load < 60; ++load) {
      World loaded = world;
      SignalInput& measured = loaded.input.signals[0];
      if (measured.total) {
        measured.total = load * 7;
      }
      for (ReplicaUsage& usage : measured.replicas) {
        if (usage.used) {
          usage.used = load * 25;
        }
      }
      const Decision decision = loaded.Decide().decision;
      ASSERT_GE(decision.desired, before) << "seed " << seed << " load " << load << "\n" << ToText(decision);
      before = decision.desired;
    }
  }
}

TEST(AutoscaleProperty, R4_2_UnknownNeverLowers) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Prng prng(seed);
    World world = SomeWorld(prng, 1 + prng.Below(3));
    SignalInput& lost = world.input.signals[prng.Below(world.input.signals.size())];
    lost.total.reset();
    lost.replicas.clear();
    const Decision decision = world.Decide().decision;
    ASSERT_GE(decision.desired, world.input.current) << "seed " << seed << "\n" << ToText(decision);
  }
}

TEST(AutoscaleProperty, DecidingAgainAtOnceChangesNothing) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Prng prng(seed);
    World world = SomeWorld(prng, 1 + prng.Below(2));
    // Queues only: what a utilization signal says depends on the count, which has just changed.
    for (size_t i = 0; i < world.spec.signals.size(); ++i) {
      world.spec.signals[i].kind = SignalSpec::Kind::kQueue;
      world.input.signals[i] = SomeMeasure(prng, SignalSpec::Kind::kQueue, 0);
    }
    const DecideResult first = world.Decide();
    World again = world;
    again.input.current = first.decision.desired;
    again.history = first.history;
    const DecideResult second = again.Decide();
    ASSERT_EQ(second.decision.desired, first.decision.desired)
        << "seed " << seed << "\n"
        << ToText(first.decision) << ToText(second.decision);
    // The same call with the same history gives the same answer.
    ASSERT_EQ(world.Decide().decision, first.decision) << "seed " << seed;
  }
}

TEST(AutoscaleProperty, DueIsInTheFutureAndNothingChangesBefore) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Prng prng(seed);
    World world = SomeWorld(prng, 1 + prng.Below(2));
    const DecideResult first = world.Decide();
    World later = world;
    later.input.current = first.decision.desired;
    later.history = first.history;
    const DecideResult settled = later.Decide();
    later.history = settled.history;
    const Instant end = settled.due.value_or(At(5000));
    ASSERT_GT(end, later.input.now) << "seed " << seed;
    if (settled.decision.desired != later.input.current) {
      continue;  // still moving: the next evaluation follows the change
    }
    later.input.now = end - absl::Nanoseconds(1);
    const Decision decision = later.Decide().decision;
    ASSERT_EQ(decision.desired, settled.decision.desired) << "seed " << seed << "\n"
                                                          << ToText(settled.decision) << ToText(decision);
  }
}

// Any sequence of samples, gaps and counters that start anew.
TEST(AutoscaleProperty, R4_2_APromiseStaysWithinBoundsAndUnknownNeverLowers) {
  for (uint64_t seed = 0; seed < kSeeds / 10; ++seed) {
    Prng prng(seed);
    AutoscaleSpec spec;
    spec.min = static_cast<int64_t>(prng.Below(4));
    spec.max = 1 + spec.min + static_cast<int64_t>(prng.Below(200));
    spec.down = {};
    SignalSpec signal;
    signal.kind = SignalSpec::Kind::kQueue;
    signal.max_wait = absl::Milliseconds(100 + prng.Below(100'000));
    spec.signals = {signal};
    ScalingHistory history;
    int64_t current = std::max<int64_t>(1, spec.min);
    int64_t now_ms = 1'000'000;
    for (int step = 0; step < 100; ++step) {
      now_ms += static_cast<int64_t>(prng.Below(prng.Chance(0.1) ? 10'000'000 : 2'000));
      DecideInput input;
      input.now = Instant::FromNanoseconds(now_ms * 1'000'000);
      input.spec = &spec;
      input.current = current;
      input.ready = static_cast<int64_t>(prng.Below(static_cast<uint64_t>(current) + 1));
      SignalInput measured;
      if (prng.Chance(0.8)) {
        WaitingLoad load;
        load.waiting = static_cast<double>(prng.Chance(0.5) ? 0 : prng.Below(5000));
        if (prng.Chance(0.7)) {
          load.running = static_cast<double>(prng.Below(300));
        }
        if (prng.Chance(0.7)) {
          load.arrivals = static_cast<double>(prng.Below(100'000));
          load.completions = static_cast<double>(prng.Below(100'000));
        }
        measured.total = load.waiting + load.running.value_or(0);
        measured.load = load;
      }
      input.signals = {measured};
      DecideResult result = controller::Decide(input, std::move(history));
      ASSERT_GE(result.decision.desired, spec.min) << "seed " << seed;
      ASSERT_LE(result.decision.desired, spec.max) << "seed " << seed;
      if (!measured.total) {
        ASSERT_GE(result.decision.desired, current) << "seed " << seed;
      }
      history = std::move(result.history);
      current = result.decision.desired;
    }
  }
}

}  // namespace
}  // namespace drover::controller
