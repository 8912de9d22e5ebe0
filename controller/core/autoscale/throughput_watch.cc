#include "controller/core/autoscale/throughput_watch.h"

#include <algorithm>
#include <cmath>

namespace drover::controller {
namespace {

constexpr double kServiceTimes = 3;  // or a start-up, if that is longer: one scale
constexpr double kSettled = 2;       // scales before rates are believed
constexpr double kMoreBusy = 2;      // so many times the busy replicas …
constexpr double kMoreDone = 1.15;   // … must do at least so many times the work
constexpr double kKeepsUp = 0.95;    // of what comes is done: no limit that matters
constexpr double kSure = 2;          // scales that it must last: work is done some time after it came
constexpr double kSame = 1.1;        // busy replicas within this factor of the reference

}  // namespace

void ThroughputWatch::Add(const ThroughputSample& sample, double startup_s, double service_s) {
  const std::optional<ThroughputSample> before = state_.last;
  state_.last = sample;
  const bool counted = sample.arrivals && sample.completions;
  if (!before || !counted || !before->arrivals || !before->completions || sample.at_s <= before->at_s) {
    return;
  }
  // Behind a limit jobs take longer the more there are: the time scale is that of the reference.
  const double job_s = state_.reference_done > 0 ? state_.reference_busy / state_.reference_done : service_s;
  const double scale_s = std::max(startup_s, kServiceTimes * job_s);
  const double step_s = sample.at_s - before->at_s;
  const double weight = 1 - std::exp(-step_s / std::min(scale_s, state_.seen_s + step_s));
  state_.busy += weight * (sample.busy - state_.busy);
  state_.came += weight * (std::max(0.0, *sample.arrivals - *before->arrivals) / step_s - state_.came);
  state_.done += weight * (std::max(0.0, *sample.completions - *before->completions) / step_s - state_.done);
  state_.seen_s += step_s;
  if (state_.seen_s >= kSettled * scale_s) {
    Compare(sample, scale_s);
  }
}

void ThroughputWatch::Refer() {
  state_.reference_busy = state_.busy;
  state_.reference_done = state_.done;
  state_.limit.reset();
  state_.suspected_s.reset();
}

void ThroughputWatch::Compare(const ThroughputSample& sample, double scale_s) {
  if (state_.limit) {
    // The count stands still; what is done more is done because the limit has moved.
    const bool gone = sample.waiting == 0 && state_.done >= kKeepsUp * state_.came;
    if (gone || state_.done >= kMoreDone * state_.limited_done) {
      Refer();
    }
    return;
  }
  const bool fewer = kSame * state_.busy < state_.reference_busy;
  const bool more_done = state_.done >= kMoreDone * state_.reference_done;
  const bool more_busy = state_.busy >= kMoreBusy * state_.reference_busy;
  if (state_.reference_busy == 0 || fewer || more_done ||
      (more_busy && state_.done >= kKeepsUp * state_.came)) {
    Refer();
  } else if (!more_busy) {
    state_.suspected_s.reset();
    if (state_.busy <= kSame * state_.reference_busy) {
      state_.reference_done = state_.done;
    }
  } else if (!state_.suspected_s) {
    state_.suspected_s = sample.at_s;
  } else if (sample.at_s - *state_.suspected_s >= kSure * scale_s) {
    state_.limit = state_.reference_busy;
    state_.limited_done = state_.done;
  }
}

}  // namespace drover::controller
