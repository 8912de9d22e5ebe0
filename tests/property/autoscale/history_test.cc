// Properties over whole histories: signals with gaps, stale samples, restarts of the controller and steps of
// the wall clock, in each family. A failure prints the seed and the decision.
#include <gtest/gtest.h>

#include <cmath>
#include <deque>

#include "common/prng.h"
#include "controller/core/autoscale/decide.h"
#include "controller/core/autoscale/hpa.h"
#include "controller/core/autoscale/wish.h"

namespace drover::controller {
namespace {

using Kind = SignalSpec::Kind;
using Policy = AutoscaleSpec::Policy;

constexpr uint64_t kSeeds = 150;
constexpr int kSteps = 250;

ScheduleSpec SomeSchedule(Prng& prng) {
  return {.start = *Cron::Parse(prng.Chance(0.5) ? "30 2 * * *" : "*/10 * * * *"),
          .end = *Cron::Parse(prng.Chance(0.5) ? "15 3 * * *" : "5-55/10 * * * *"),
          .zone = *FindTimeZone("Europe/Berlin"),
          .replicas = static_cast<int64_t>(1 + prng.Below(10))};
}

ScalingRules SomeRules(Prng& prng, const ScalingRules& defaults) {
  ScalingRules rules = defaults;
  if (prng.Chance(0.5)) {
    rules.stabilization = absl::Seconds(prng.Below(4) * 30);
  }
  if (prng.Chance(0.5)) {
    rules.select = static_cast<ScalingRules::Select>(prng.Below(3));
    rules.policies = {{.unit = static_cast<RatePolicy::Unit>(prng.Below(2)),
                       .amount = static_cast<int64_t>(1 + prng.Below(60)),
                       .period = absl::Seconds(1 + prng.Below(90))}};
  }
  return rules;
}

Kind SomeShared(Prng& prng) {
  constexpr Kind kKinds[] = {Kind::kQueue, Kind::kInFlight, Kind::kRate};
  return kKinds[prng.Below(3)];
}

Kind SomeOfReplicas(Prng& prng) { return prng.Chance(0.7) ? Kind::kCpu : Kind::kBacklog; }

AutoscaleSpec SomeSpec(Prng& prng, Policy policy) {
  AutoscaleSpec spec;
  spec.policy = policy;
  spec.min = static_cast<int64_t>(prng.Below(4));
  spec.max = spec.min + 1 + static_cast<int64_t>(prng.Below(30));
  const bool hpa = policy == Policy::kHpa || policy == Policy::kKeda;
  spec.up = SomeRules(prng, hpa ? HpaDefaultUp() : ScalingRules());
  spec.down = SomeRules(prng, hpa ? HpaDefaultDown() : ScalingRules());
  spec.idle = absl::Seconds(prng.Below(60));
  const uint64_t signals = policy == Policy::kKpa ? 1 : 1 + prng.Below(3);
  for (uint64_t i = 0; i < signals; ++i) {
    SignalSpec signal;
    signal.kind = i == 0 ? SomeShared(prng) : prng.Chance(0.6) ? SomeOfReplicas(prng) : Kind::kSchedule;
    signal.target = static_cast<double>(1 + prng.Below(100));
    signal.of_total = signal.kind == Kind::kQueue && policy != Policy::kKpa && prng.Chance(0.3);
    signal.activation = static_cast<double>(prng.Below(3));
    if (signal.kind == Kind::kSchedule && policy == Policy::kHpa) {
      signal.kind = Kind::kMemory;
    }
    if (signal.kind == Kind::kSchedule) {
      signal.schedule = SomeSchedule(prng);
    }
    spec.signals.push_back(std::move(signal));
  }
  return spec;
}

SignalInput Replicas(Prng& prng, int64_t count) {
  SignalInput input;
  const double level = static_cast<double>(prng.Below(1200));
  for (int64_t i = 0; i < count; ++i) {
    ReplicaUsage usage{
        .ready = prng.Chance(0.9), .warming_up = prng.Chance(0.1), .used = {}, .reserved = 1000};
    const Duration age = absl::Seconds(prng.Below(900));
    usage.status = {.ready = usage.ready, .started_ago = age, .ready_changed = age};
    usage.sample = {.age = absl::Seconds(1), .window = absl::Seconds(1)};
    if (prng.Chance(0.93)) {
      usage.used = level;
    }
    input.replicas.push_back(usage);
  }
  return input;
}

// One service living through generated time.
class Life {
 public:
  Life(uint64_t seed, Policy policy) : prng_(seed), spec_(SomeSpec(prng_, policy)) {
    count_ = spec_.min + static_cast<int64_t>(prng_.Below(static_cast<uint64_t>(spec_.max - spec_.min + 1)));
    now_ = Instant::FromNanoseconds(1'000'000'000'000);
    // Two hours before the night in which summer time begins.
    wall_ = absl::FromCivil(absl::CivilHour(2026, 3, 28, 23), absl::UTCTimeZone());
    Restart();
  }

  void Step() {
    const Duration passed = absl::Milliseconds(100 + prng_.Below(20'000));
    now_ = now_ + passed;
    wall_ += passed;
    if (prng_.Chance(0.02)) {
      wall_ += absl::Seconds(static_cast<int64_t>(prng_.Below(20'000)) - 10'000);
    }
    if (prng_.Chance(0.02)) {
      Restart();
    }
    outage_ = prng_.Chance(outage_ ? 0.8 : 0.1);
    DecideInput input;
    input.now = now_;
    input.wall = wall_;
    input.spec = &spec_;
    input.current = count_;
    input.ready = count_;
    input.observed = count_;
    input.signals = Measure();
    before_ = count_;
    result_ = Decide(input, history_);
    history_ = result_.history;
    count_ = result_.decision.desired;
    if (count_ != before_) {
      changes_.push_back({.at = now_, .change = count_ - before_});
    }
  }

  // By a part of what there is, more than by all of it: never.
  bool RaisedBeyondTheWhole() const {
    if (!unknown_ || count_ <= before_ || spec_.signals.size() > 1 || spec_.signals[0].of_total) {
      return false;
    }
    return count_ > std::max<int64_t>(spec_.min, CeilToCount(load_ / spec_.signals[0].target));
  }

  // Fewer replicas by what was decided on signals that are not all known.
  bool LoweredOnUnknown() const { return unknown_ && count_ < before_; }

  // Within a period of a policy never more than it allows, from the count at the period's begin. With
  // `select: max` one policy is enough; these specs have one of their own, or the HPA's defaults.
  bool WithinRate(const ScalingRules& rules, bool up) const {
    if (rules.policies.empty() || (up ? count_ <= before_ : count_ >= before_)) {
      return true;
    }
    if (rules.select == ScalingRules::Select::kDisabled) {
      return false;
    }
    for (const RatePolicy& policy : rules.policies) {
      int64_t base = count_;
      for (const ScaleChange& change : changes_) {
        base -= now_ - change.at < policy.period ? change.change : 0;
      }
      const double moved = static_cast<double>(up ? count_ - base : base - count_);
      const double allowed =
          policy.unit == RatePolicy::Unit::kReplicas
              ? static_cast<double>(policy.amount)
              : std::ceil(static_cast<double>(base) * static_cast<double>(policy.amount) / 100) + 1;
      if (moved <= allowed) {
        return true;
      }
    }
    return false;
  }

  const AutoscaleSpec& spec() const { return spec_; }

  const Decision& decision() const { return result_.decision; }

  std::optional<Instant> due() const { return result_.due; }

  Instant now() const { return now_; }

  int64_t count() const { return count_; }

  int64_t before() const { return before_; }

 private:
  void Restart() {
    history_ = ScalingHistory();
    history_.since = now_;
    history_.count_at_start = count_;
    changes_.clear();
  }

  std::vector<SignalInput> Measure() {
    unknown_ = false;
    std::vector<SignalInput> signals;
    for (const SignalSpec& signal : spec_.signals) {
      SignalInput input;
      if (!IsOfReplicas(signal.kind) && signal.kind != Kind::kSchedule) {
        load_ =
            prng_.Chance(0.3) ? static_cast<double>(prng_.Below(600)) * (prng_.Chance(0.3) ? 0 : 1) : load_;
        input.unknown_reason = "stale";
        if (!outage_) {
          input.total = load_;
        } else if (prng_.Chance(0.5)) {
          // Some of several sources are still heard.
          input.at_least = load_ * prng_.Uniform();
        }
        unknown_ |= outage_;
      } else if (signal.kind != Kind::kSchedule) {
        input = Replicas(prng_, count_);
        if (outage_) {
          for (ReplicaUsage& usage : input.replicas) {
            usage.used.reset();
          }
          unknown_ = true;
        }
      }
      signals.push_back(std::move(input));
    }
    return signals;
  }

  Prng prng_;
  AutoscaleSpec spec_;
  ScalingHistory history_;
  std::deque<ScaleChange> changes_;  // since the last start
  DecideResult result_;
  Instant now_;
  absl::Time wall_;
  double load_ = 0;
  bool outage_ = false;
  bool unknown_ = false;
  int64_t count_ = 0;
  int64_t before_ = 0;
};

class HistoryProperty : public testing::TestWithParam<Policy> {};

TEST_P(HistoryProperty, R2_R4_UnknownIsNeverZero) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Life life(seed, GetParam());
    for (int i = 0; i < kSteps; ++i) {
      life.Step();
      ASSERT_FALSE(life.LoweredOnUnknown()) << "seed " << seed << " step " << i << "\n"
                                            << ToText(life.decision());
      ASSERT_FALSE(life.RaisedBeyondTheWhole()) << "seed " << seed << " step " << i << "\n"
                                                << ToText(life.decision());
    }
  }
}

TEST_P(HistoryProperty, R3_3_WithinBoundsAndDueAhead) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Life life(seed, GetParam());
    for (int i = 0; i < kSteps; ++i) {
      life.Step();
      ASSERT_GE(life.count(), life.spec().min) << "seed " << seed << "\n" << ToText(life.decision());
      ASSERT_LE(life.count(), life.spec().max) << "seed " << seed << "\n" << ToText(life.decision());
      ASSERT_TRUE(!life.due() || *life.due() > life.now()) << "seed " << seed << " step " << i;
      const std::vector<Clamp>& clamps = life.decision().clamps;
      for (size_t c = 1; c < clamps.size(); ++c) {
        ASSERT_EQ(clamps[c].before, clamps[c - 1].after) << "seed " << seed << "\n"
                                                         << ToText(life.decision());
      }
      ASSERT_TRUE(clamps.empty() || clamps.back().after == life.count()) << ToText(life.decision());
    }
  }
}

// The KPA has rates of its own, relative to what is ready.
class RateProperty : public testing::TestWithParam<Policy> {};

TEST_P(RateProperty, HoldsInEveryPeriod) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Life life(seed, GetParam());
    for (int i = 0; i < kSteps; ++i) {
      life.Step();
      // Zero and back, and the bounds, are above the rates in every family.
      if (life.count() <= life.spec().min || life.before() <= life.spec().min) {
        continue;
      }
      ASSERT_TRUE(life.WithinRate(life.spec().up, true)) << "seed " << seed << " step " << i << "\n"
                                                         << ToText(life.decision());
      ASSERT_TRUE(life.WithinRate(life.spec().down, false)) << "seed " << seed << " step " << i << "\n"
                                                            << ToText(life.decision());
    }
  }
}

std::string NameOf(const testing::TestParamInfo<Policy>& family) {
  constexpr const char* kNames[] = {"drover", "hpa", "kpa", "keda"};
  return kNames[static_cast<size_t>(family.param)];
}

INSTANTIATE_TEST_SUITE_P(Families, HistoryProperty,
                         testing::Values(Policy::kDrover, Policy::kHpa, Policy::kKpa, Policy::kKeda), NameOf);
INSTANTIATE_TEST_SUITE_P(Families, RateProperty,
                         testing::Values(Policy::kDrover, Policy::kHpa, Policy::kKeda), NameOf);

}  // namespace
}  // namespace drover::controller
