#include "controller/core/autoscale/throughput_watch.h"

#include <algorithm>
#include <cmath>

namespace drover::controller {
namespace {

constexpr double kSettled = 2;      // scales of saturation before rates are believed
constexpr double kMoreBusy = 1.5;   // so many times the replicas …
constexpr double kMoreDone = 1.15;  // … must do at least so many times the work
constexpr double kLifted = 1.3;     // so much more done than at the limit: it is no longer there
constexpr double kRetry = 60;       // scales after which more replicas are tried again

}  // namespace

void ThroughputWatch::Add(double at_s, bool saturated, double busy, std::optional<double> completions,
                          double scale_s) {
  const double step_s = last_s_ ? at_s - *last_s_ : 0;
  const std::optional<double> before = completions_;
  last_s_ = at_s;
  completions_ = completions;
  if (!saturated || !completions || !before || step_s <= 0) {
    if (step_s > 0) {
      *this = ThroughputWatch();
      last_s_ = at_s;
      completions_ = completions;
    }
    return;
  }
  const double rate = std::max(0.0, *completions - *before) / step_s;
  const double weight = 1 - std::exp(-step_s / std::min(scale_s, saturated_s_ + step_s));
  busy_ += weight * (busy - busy_);
  rate_ += weight * (rate - rate_);
  saturated_s_ += step_s;
  if (saturated_s_ >= kSettled * scale_s) {
    Compare(at_s, scale_s);
  }
}

void ThroughputWatch::Compare(double at_s, double scale_s) {
  const bool lifted =
      limit_ && (rate_ > kLifted * reference_rate_ || at_s - limited_at_s_ > kRetry * scale_s);
  if (reference_busy_ == 0 || lifted) {
    reference_busy_ = busy_;
    reference_rate_ = rate_;
    limit_.reset();
    return;
  }
  if (limit_ || busy_ < kMoreBusy * reference_busy_) {
    return;
  }
  if (rate_ < kMoreDone * reference_rate_) {
    limit_ = reference_busy_;
    limited_at_s_ = at_s;
  } else {
    reference_busy_ = busy_;
    reference_rate_ = rate_;
  }
}

}  // namespace drover::controller
