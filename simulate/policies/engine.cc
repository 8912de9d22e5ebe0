#include "simulate/policies/engine.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "controller/core/autoscale/decide.h"
#include "controller/core/autoscale/families.h"
#include "controller/core/autoscale/hpa.h"

namespace drover::simulate {
namespace {

using Family = controller::AutoscaleSpec::Policy;
using controller::SignalInput;
using controller::SignalSpec;

constexpr size_t kRateWindow = 5;  // s, as balancers are asked live

Instant At(int64_t second) { return Instant::FromNanoseconds(second * 1'000'000'000); }

bool IsUtilization(const SignalSpec& signal) {
  return signal.kind == SignalSpec::Kind::kCpu || signal.kind == SignalSpec::Kind::kMemory;
}

// A replica's share of the jobs that wait.
SignalInput WaitingAtEach(const Observation& now) {
  SignalInput measured;
  controller::ReplicaUsage replica;
  replica.status.phase = controller::ReplicaPhase::kPending;
  measured.replicas.assign(static_cast<size_t>(now.starting), replica);
  replica.ready = true;
  replica.status.phase = controller::ReplicaPhase::kRunning;
  replica.used = static_cast<double>(now.waiting) / static_cast<double>(std::max<int64_t>(1, now.ready));
  measured.replicas.resize(static_cast<size_t>(now.current()), replica);
  return measured;
}

constexpr int64_t kLongAgoSeconds = 86400;

class EnginePolicy : public Policy {
 public:
  explicit EnginePolicy(EngineOptions options) : options_(std::move(options)) {
    history_.count_at_start = options_.initial;
    history_.since = options_.seeded ? At(0) : At(-kLongAgoSeconds);
    if (!options_.seeded) {
      // Neither the first pass nor the first tick takes what it finds for a recommendation.
      history_.last_pass = At(-kLongAgoSeconds);
      history_.kpa.emplace();
    }
  }

  int64_t Desired(const Observation& now) override {
    for (const double startup_s : now.startup_times_s) {
      startups_.push_back(absl::Seconds(startup_s));
    }
    NoteArrivals(now);
    if (now.second % options_.period_s != 0 || (NeedsUtilization() && !now.utilization)) {
      return desired_.value_or(now.current());
    }
    controller::DecideInput input;
    input.now = At(now.second);
    input.wall = options_.nature.begin + absl::Seconds(now.second);
    input.spec = &options_.spec;
    input.current = desired_.value_or(now.current());
    input.ready = now.ready;
    input.startups = std::exchange(startups_, {});
    for (const SignalSpec& signal : options_.spec.signals) {
      input.signals.push_back(Measured(signal, now));
    }
    controller::DecideResult result = controller::Decide(input, std::move(history_));
    history_ = std::move(result.history);
    desired_ = result.decision.desired;
    return *desired_;
  }

 private:
  // As balancers are asked: arrivals/s over the last seconds.
  void NoteArrivals(const Observation& now) {
    arrivals_.push_back(now.arrivals);
    if (arrivals_.size() > kRateWindow + 1) {
      arrivals_.pop_front();
    }
    const double span = static_cast<double>(std::max<size_t>(1, arrivals_.size() - 1));
    rate_ = static_cast<double>(arrivals_.back() - arrivals_.front()) / span;
  }

  // Before the first sample there is nothing to evaluate.
  bool NeedsUtilization() const {
    return std::any_of(options_.spec.signals.begin(), options_.spec.signals.end(), IsUtilization);
  }

  SignalInput MeasuredQueue(const SignalSpec& signal, const Observation& now) const {
    const auto& shares = options_.nature.queue_shares;
    const auto named = shares.find(signal.queue);
    const double share = named == shares.end() ? 1 : named->second;
    const auto part = [share](int64_t jobs) { return share * static_cast<double>(jobs); };
    controller::WaitingLoad load;
    load.waiting = part(now.waiting);
    load.slots = 1;
    if (options_.tells != QueueTells::kWaiting) {
      load.running = part(now.running);
    }
    if (options_.tells == QueueTells::kCounters) {
      load.arrivals = part(now.arrivals);
      load.completions = part(now.completions);
    }
    SignalInput measured;
    measured.total = load.waiting + load.running.value_or(0);
    measured.load = load;
    return measured;
  }

  SignalInput Measured(const SignalSpec& signal, const Observation& now) const {
    if (signal.kind == SignalSpec::Kind::kBacklog) {
      return WaitingAtEach(now);
    }
    SignalInput measured;
    if (signal.kind == SignalSpec::Kind::kRate) {
      measured.total = rate_;
      return measured;
    }
    if (!IsUtilization(signal)) {
      return MeasuredQueue(signal, now);
    }
    constexpr double kReserved = 1000;
    controller::ReplicaUsage busy;
    busy.ready = true;
    busy.used = *now.utilization * options_.nature.busy_usage * kReserved;
    busy.reserved = kReserved;
    busy.status.ready = true;
    busy.status.started_ago = absl::Seconds(kLongAgoSeconds);
    controller::ReplicaUsage starting;
    starting.reserved = kReserved;
    starting.status.phase = controller::ReplicaPhase::kPending;
    measured.replicas.assign(static_cast<size_t>(now.ready), busy);
    measured.replicas.resize(static_cast<size_t>(now.current()), starting);
    return measured;
  }

  EngineOptions options_;
  controller::ScalingHistory history_;
  std::optional<int64_t> desired_;
  std::vector<Duration> startups_;  // measured since the last evaluation
  std::deque<int64_t> arrivals_;    // totals, by second, of the window
  double rate_ = 0;
};

SignalSpec Signal(SignalSpec::Kind kind, double target) {
  SignalSpec signal;
  signal.kind = kind;
  signal.target = target;
  return signal;
}

// With the rules that the family has when none are written.
EngineOptions FamilyOptions(Family family, const SignalSpec& signal) {
  EngineOptions options;
  options.seeded = false;
  options.spec.policy = family;
  options.spec.max = 2000;
  options.spec.signals = {signal};
  const bool hpa = family != Family::kKpa;
  options.spec.up = hpa ? controller::HpaDefaultUp() : controller::ScalingRules();
  options.spec.down = hpa ? controller::HpaDefaultDown() : controller::ScalingRules();
  return options;
}

}  // namespace

std::unique_ptr<Policy> MakeEnginePolicy(EngineOptions options) {
  return std::make_unique<EnginePolicy>(std::move(options));
}

EngineOptions DroverOptions(double max_wait_s) {
  EngineOptions options;
  options.spec.max = 2000;
  options.spec.signals = {Signal(SignalSpec::Kind::kQueue, 0)};
  options.spec.signals[0].max_wait = absl::Seconds(max_wait_s);
  options.spec.down.stabilization = absl::ZeroDuration();  // as a declared max_wait alone has it
  return options;
}

EngineOptions HpaOptions(double target) {
  EngineOptions options = FamilyOptions(Family::kHpa, Signal(SignalSpec::Kind::kCpu, target));
  options.period_s = absl::ToInt64Seconds(controller::kHpaSync);
  return options;
}

EngineOptions KedaOptions(double target) {
  return FamilyOptions(Family::kKeda, Signal(SignalSpec::Kind::kQueue, target));
}

EngineOptions KpaOptions(double target) {
  return FamilyOptions(Family::kKpa, Signal(SignalSpec::Kind::kInFlight, target));
}

}  // namespace drover::simulate
