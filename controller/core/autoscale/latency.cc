#include "controller/core/autoscale/latency.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace drover::controller {
namespace {

// However long a request itself takes, its wait is worth this share of the target.
constexpr double kLeastWait = 0.1;

// "200ms", to a tenth of a millisecond.
std::string Milliseconds(double seconds) {
  return absl::FormatDuration(absl::Microseconds(std::llround(seconds * 1e4) * 100));
}

// When `measured` was measured: counters are of then, however often they are looked at. Never goes back.
Instant SampledAt(const SignalInput& measured, const DecideInput& input, const MaxWaitState& state) {
  const Instant sampled = input.now - measured.age;
  return state.begin ? std::max(sampled, *state.begin + absl::Seconds(state.last_s)) : sampled;
}

std::string QuantileName(double quantile) { return absl::StrCat("p", FormatNumber(quantile * 100)); }

}  // namespace

Wish LatencyWish(const LatencySpec& promise, const SignalInput& measured, const DecideInput& input,
                 MaxWaitState& state) {
  if (!measured.total || !measured.load) {
    return UnknownWish(measured.unknown_reason.empty() ? "no sample" : measured.unknown_reason);
  }
  const double target_s = absl::ToDoubleSeconds(promise.target);
  const bool known = state.load.memory.done >= 1;
  const double request_s = known ? state.load.memory.busy_s / state.load.memory.done : 0;
  const double wait_s = std::max(target_s - request_s, kLeastWait * target_s);
  Wish wish = MaxWaitWish({.now = SampledAt(measured, input, state),
                           .max_wait = absl::Seconds(wait_s),
                           .late_share = 1 - promise.quantile,
                           .current = input.current,
                           .ready = input.ready,
                           .startups = input.startups,
                           .load = *measured.load},
                          state);
  const double at_once = std::max(1.0, static_cast<double>(input.ready)) * measured.load->slots;
  wish.value = request_s * (1 + measured.load->waiting / at_once);
  const std::string words =
      known ? absl::StrFormat("%s %s, a request takes %s: %s to wait", QuantileName(promise.quantile),
                              Milliseconds(target_s), Milliseconds(request_s), Milliseconds(wait_s))
            : absl::StrFormat("%s %s, what a request takes is not known yet", QuantileName(promise.quantile),
                              Milliseconds(target_s));
  const char* too_long = request_s > target_s ? " (more replicas shorten only the waiting)" : "";
  wish.formula =
      absl::StrCat(words, too_long, "; ", FormatNumber(measured.load->waiting), " wait; ", wish.formula);
  return wish;
}

}  // namespace drover::controller
