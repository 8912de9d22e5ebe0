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
  const std::optional<ThroughputSample> before = last_;
  last_ = sample;
  const bool counted = sample.arrivals && sample.completions;
  if (!before || !counted || !before->arrivals || !before->completions || sample.at_s <= before->at_s) {
    return;
  }
  // Behind a limit jobs take longer the more there are: the time scale is that of the reference.
  const double job_s = reference_done_ > 0 ? reference_busy_ / reference_done_ : service_s;
  const double scale_s = std::max(startup_s, kServiceTimes * job_s);
  const double step_s = sample.at_s - before->at_s;
  const double weight = 1 - std::exp(-step_s / std::min(scale_s, seen_s_ + step_s));
  busy_ += weight * (sample.busy - busy_);
  came_ += weight * (std::max(0.0, *sample.arrivals - *before->arrivals) / step_s - came_);
  done_ += weight * (std::max(0.0, *sample.completions - *before->completions) / step_s - done_);
  seen_s_ += step_s;
  if (seen_s_ >= kSettled * scale_s) {
    Compare(sample, scale_s);
  }
}

void ThroughputWatch::Refer() {
  reference_busy_ = busy_;
  reference_done_ = done_;
  limit_.reset();
  suspected_s_.reset();
}

void ThroughputWatch::Compare(const ThroughputSample& sample, double scale_s) {
  if (limit_) {
    // The count stands still; what is done more is done because the limit has moved.
    const bool gone = sample.waiting == 0 && done_ >= kKeepsUp * came_;
    if (gone || done_ >= kMoreDone * limited_done_) {
      Refer();
    }
    return;
  }
  const bool fewer = kSame * busy_ < reference_busy_;
  const bool more_done = done_ >= kMoreDone * reference_done_;
  const bool more_busy = busy_ >= kMoreBusy * reference_busy_;
  if (reference_busy_ == 0 || fewer || more_done || (more_busy && done_ >= kKeepsUp * came_)) {
    Refer();
  } else if (!more_busy) {
    suspected_s_.reset();
    if (busy_ <= kSame * reference_busy_) {
      reference_done_ = done_;
    }
  } else if (!suspected_s_) {
    suspected_s_ = sample.at_s;
  } else if (sample.at_s - *suspected_s_ >= kSure * scale_s) {
    limit_ = reference_busy_;
    limited_done_ = done_;
  }
}

}  // namespace drover::controller
