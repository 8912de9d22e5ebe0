#include "controller/core/autoscale/hour_season.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace drover::controller {
namespace {

using Minute = HourSeason::Minute;

int64_t MinuteOf(double at_s) { return static_cast<int64_t>(at_s / HourSeason::kMinuteSeconds); }

// What as many hours have reached as make `probability` likely; of those, one may be chance.
double Reached(const std::vector<Minute>& hours, double Minute::*value, double probability) {
  const auto needed =
      static_cast<size_t>(std::max(2.0, std::ceil(probability * static_cast<double>(hours.size())) + 1));
  if (needed > hours.size()) {
    return 0;
  }
  std::vector<double> values;
  values.reserve(hours.size());
  for (const Minute& minute : hours) {
    values.push_back(minute.*value);
  }
  const auto last = values.begin() + static_cast<ptrdiff_t>(needed) - 1;
  std::nth_element(values.begin(), last, values.end(), std::greater<>());
  return *last;
}

}  // namespace

void HourSeason::Add(double at_s, double load, double reckoned, double startup_s) {
  const int64_t minute = MinuteOf(at_s);
  if (minute != state_.minute) {
    state_.past.resize(kMinutes);
    std::vector<Minute>& hours = state_.past[static_cast<size_t>(state_.minute) % kMinutes];
    if (hours.size() == kHours) {
      hours.erase(hours.begin());
    }
    hours.push_back(state_.latest);
    state_.minute = minute;
    state_.latest = {};
  }
  state_.reckoned.Add(at_s, reckoned, startup_s);
  state_.latest.load = std::max(state_.latest.load, load);
  if (const std::optional<double> then = state_.reckoned.At(at_s - startup_s)) {
    state_.latest.unseen = std::max(state_.latest.unseen, load - *then);
  }
}

double HourSeason::Expected(double at_s, double ahead_s, double reckoned, double probability) const {
  if (state_.past.empty()) {
    return 0;
  }
  double expected = 0;
  const int64_t now = MinuteOf(at_s);
  const int64_t last = std::min(MinuteOf(at_s + ahead_s), now + static_cast<int64_t>(kMinutes) - 1);
  for (int64_t minute = now; minute <= last; ++minute) {
    const std::vector<Minute>& hours = state_.past[static_cast<size_t>(minute) % kMinutes];
    const double unseen = Reached(hours, &Minute::unseen, probability);
    if (unseen > 0) {
      expected = std::max(expected, std::min(reckoned + unseen, Reached(hours, &Minute::load, probability)));
    }
  }
  return expected;
}

}  // namespace drover::controller
