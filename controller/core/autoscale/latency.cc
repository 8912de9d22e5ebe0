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

// Of a hundred samples a quantile is uneven, and a count that follows it never settles.
constexpr double kSmoothing_s = 30;
constexpr Duration kQuantileLife = absl::Minutes(5);

void KeepQuantile(const SignalInput& measured, const LatencySpec& promise, Instant now, MaxWaitState& state) {
  std::optional<KeptQuantile>& kept = state.quantile;
  if (kept && (kept->quantile != promise.quantile || now - kept->at > kQuantileLife)) {
    kept.reset();
  }
  if (!measured.quantile || measured.quantile->quantile != promise.quantile) {
    return;
  }
  const double replica_s = measured.quantile->replica_s;
  if (!kept) {
    kept = KeptQuantile{.quantile = promise.quantile, .replica_s = replica_s, .at = now};
    return;
  }
  const double passed_s = std::max(0.0, absl::ToDoubleSeconds(now - kept->at));
  kept->replica_s += (replica_s - kept->replica_s) * (1 - std::exp(-passed_s / kSmoothing_s));
  kept->at = now;
}

// "1,200"
std::string Thousands(int64_t count) {
  const std::string digits = absl::StrCat(count);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) {
      text.push_back(',');
    }
    text.push_back(digits[i]);
  }
  return text;
}

std::string QuantileName(double quantile) { return absl::StrCat("p", FormatNumber(quantile * 100)); }

}  // namespace

Wish LatencyWish(const LatencySpec& promise, const SignalInput& measured, const DecideInput& input,
                 MaxWaitState& state) {
  if (!measured.total || !measured.load) {
    return UnknownWish(measured.unknown_reason.empty() ? "no sample" : measured.unknown_reason);
  }
  KeepQuantile(measured, promise, input.now, state);
  const bool fresh = measured.quantile && measured.quantile->quantile == promise.quantile;
  const double target_s = absl::ToDoubleSeconds(promise.target);
  const bool mean_known = state.load.memory.done >= 1;
  const double mean_s = mean_known ? state.load.memory.busy_s / state.load.memory.done : 0;
  const double request_s = state.quantile ? state.quantile->replica_s : mean_s;
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
  wish.value = fresh ? measured.quantile->answered_s : mean_s * (1 + measured.load->waiting / at_once);
  const std::string name = absl::StrCat(QuantileName(promise.quantile), " ", Milliseconds(target_s));
  const std::string seen = fresh ? absl::StrCat(", measured ", Milliseconds(measured.quantile->answered_s),
                                                " (of ", Thousands(measured.quantile->requests), " requests)")
                                 : "";
  const std::string words =
      state.quantile || mean_known
          ? absl::StrCat(name, seen, ", ", state.quantile ? "without waiting " : "a request takes ",
                         Milliseconds(request_s), ": ", Milliseconds(wait_s), " to wait")
          : absl::StrCat(name, ", what a request takes is not known yet");
  const char* too_long = request_s > target_s ? " (more replicas shorten only the waiting)" : "";
  wish.formula =
      absl::StrCat(words, too_long, "; ", FormatNumber(measured.load->waiting), " wait; ", wish.formula);
  return wish;
}

}  // namespace drover::controller
