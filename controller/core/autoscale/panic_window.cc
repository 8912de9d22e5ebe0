#include "controller/core/autoscale/panic_window.h"

#include <algorithm>
#include <cmath>

#include "controller/core/autoscale/saturating.h"
#include "controller/core/autoscale/wish.h"

namespace drover::controller {
namespace {

constexpr Duration kDelayBucket = absl::Seconds(2);  // the tick upstream

// What one window asks for, before and after the rates and the activation scale.
struct WindowCount {
  double wanted = 0;
  int64_t count = 0;
};

WindowCount CountOf(double value, const KpaConfig& config, double ready) {
  const double up = std::ceil(config.max_scale_up_rate * ready);
  const double down = config.reachable ? std::floor(ready / config.max_scale_down_rate) : 0;
  WindowCount result;
  result.wanted = std::ceil(value / config.target_value);
  result.count = CeilToCount(std::min(std::max(result.wanted, down), up));
  if (config.activation_scale > 1 && result.wanted > 0) {
    result.count = std::max(result.count, config.activation_scale);
  }
  return result;
}

void UpdatePanic(bool over, const KpaConfig& config, Instant now, KpaState& state) {
  if (over) {
    state.panic_since = now;
  } else if (state.panic_since && *state.panic_since + config.stable_window < now) {
    state.panic_since.reset();
    state.max_panic = 0;
  }
}

// The largest answer of the delay; none while nobody can ask for the service.
int64_t Delayed(int64_t desired, const KpaConfig& config, Instant now, KpaState& state) {
  if (config.scale_down_delay <= absl::ZeroDuration()) {
    state.delay.reset();
    return desired;
  }
  if (!state.delay || state.delay->window() != config.scale_down_delay) {
    state.delay.emplace(config.scale_down_delay, kDelayBucket);
  }
  if (!config.reachable) {
    return desired;
  }
  state.delay->Record(now, desired);
  return state.delay->Current();
}

int64_t ExcessBurst(const KpaConfig& config, const KpaSample& sample) {
  if (config.target_burst_capacity == 0) {
    return 0;
  }
  if (config.target_burst_capacity < 0) {
    return -1;
  }
  const double capacity = static_cast<double>(sample.ready) * config.total_value;
  return SaturatingFromDouble(std::floor(capacity - config.target_burst_capacity - sample.panic));
}

}  // namespace

KpaState KpaCreate(std::optional<int64_t> ready, Instant now) {
  KpaState state;
  state.max_panic = ready.value_or(0);
  if (state.max_panic > 1) {
    state.panic_since = now;
  }
  return state;
}

KpaResult KpaScale(const KpaConfig& config, const std::optional<KpaSample>& sample, Instant now,
                   KpaState& state) {
  if (!sample) {
    return {};
  }
  const double ready = std::max(1.0, static_cast<double>(sample->ready));
  const WindowCount stable = CountOf(sample->stable, config, ready);
  const WindowCount panic = CountOf(sample->panic, config, ready);
  UpdatePanic(panic.wanted / ready >= config.panic_threshold, config, now, state);

  KpaResult result{.valid = true, .desired = stable.count};
  if (state.panic_since) {
    state.max_panic = std::max({state.max_panic, stable.count, panic.count});
    result.desired = state.max_panic;
  }
  result.desired = Delayed(result.desired, config, now, state);
  result.excess_burst_capacity = ExcessBurst(config, *sample);
  result.stable_count = stable.count;
  result.panic_count = panic.count;
  return result;
}

}  // namespace drover::controller
