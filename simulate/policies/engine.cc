#include "simulate/policies/engine.h"

#include <algorithm>
#include <utility>

#include "controller/core/autoscale/decide.h"

namespace drover::simulate {
namespace {

using controller::AutoscaleSpec;
using controller::SignalInput;
using controller::SignalSpec;

Instant At(int64_t second) { return Instant::FromNanoseconds(second * 1'000'000'000); }

bool IsUtilization(const SignalSpec& signal) {
  return signal.kind == SignalSpec::Kind::kCpu || signal.kind == SignalSpec::Kind::kMemory;
}

constexpr int64_t kLongAgoSeconds = 86400;

class EnginePolicy : public Policy {
 public:
  explicit EnginePolicy(EngineOptions options) : options_(std::move(options)) {
    history_.count_at_start = options_.initial;
    history_.since = options_.seeded ? At(0) : At(-kLongAgoSeconds);
  }

  int64_t Desired(const Observation& now) override {
    for (const double startup_s : now.startup_times_s) {
      startups_.push_back(absl::Seconds(startup_s));
    }
    if (now.second % options_.period_s != 0 || (NeedsUtilization() && !now.utilization)) {
      return desired_.value_or(now.current());
    }
    controller::DecideInput input;
    input.now = At(now.second);
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
  // Before the first sample there is nothing to evaluate.
  bool NeedsUtilization() const {
    return std::any_of(options_.spec.signals.begin(), options_.spec.signals.end(), IsUtilization);
  }

  SignalInput MeasuredQueue(const Observation& now) const {
    controller::WaitingLoad load;
    load.waiting = static_cast<double>(now.waiting);
    if (options_.tells != QueueTells::kWaiting) {
      load.running = static_cast<double>(now.running);
    }
    if (options_.tells == QueueTells::kCounters) {
      load.arrivals = static_cast<double>(now.arrivals);
      load.completions = static_cast<double>(now.completions);
    }
    SignalInput measured;
    measured.total = load.waiting + load.running.value_or(0);
    measured.load = load;
    return measured;
  }

  SignalInput Measured(const SignalSpec& signal, const Observation& now) const {
    if (!IsUtilization(signal)) {
      return MeasuredQueue(now);
    }
    SignalInput measured;
    constexpr double kReserved = 1000;
    controller::ReplicaUsage busy{
        .ready = true, .warming_up = false, .used = std::nullopt, .reserved = kReserved};
    busy.used = *now.utilization * kReserved;
    measured.replicas.assign(static_cast<size_t>(now.ready), busy);
    measured.replicas.resize(
        static_cast<size_t>(now.current()),
        {.ready = false, .warming_up = false, .used = std::nullopt, .reserved = kReserved});
    return measured;
  }

  EngineOptions options_;
  controller::ScalingHistory history_;
  std::optional<int64_t> desired_;
  std::vector<Duration> startups_;  // measured since the last evaluation
};

AutoscaleSpec HpaRules() {
  using Unit = controller::RatePolicy::Unit;
  const Duration period = absl::Seconds(15);
  AutoscaleSpec spec;
  spec.max = 2000;
  spec.up.policies = {{.unit = Unit::kPercent, .amount = 100, .period = period},
                      {.unit = Unit::kReplicas, .amount = 4, .period = period}};
  spec.down.stabilization = absl::Seconds(300);
  spec.down.policies = {{.unit = Unit::kPercent, .amount = 100, .period = period}};
  return spec;
}

SignalSpec Signal(SignalSpec::Kind kind, double target) {
  SignalSpec signal;
  signal.kind = kind;
  signal.target = target;
  return signal;
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
  EngineOptions options{.spec = HpaRules(), .period_s = 15, .initial = 1, .seeded = false};
  options.spec.signals = {Signal(SignalSpec::Kind::kCpu, target)};
  return options;
}

EngineOptions KedaOptions(double target) {
  EngineOptions options{.spec = HpaRules(), .period_s = 15, .initial = 1, .seeded = false};
  options.spec.signals = {Signal(SignalSpec::Kind::kQueue, target)};
  return options;
}

}  // namespace drover::simulate
