// What the literature's policies measure: the load of each period, in Erlang.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "simulate/policy.h"

namespace drover::bench {

class LoadMeter {
 public:
  explicit LoadMeter(int64_t period_s) : period_s_(period_s) {}

  // Once a tick; true at the end of a period.
  bool Tick(const simulate::Observation& now) {
    busy_s_ += static_cast<double>(now.running);
    if (now.second == 0 || now.second % period_s_ != 0) {
      return false;
    }
    const double jobs = static_cast<double>(now.arrivals - arrivals_before_);
    arrivals_before_ = now.arrivals;
    const double job_s = now.completions > 0 ? busy_s_ / static_cast<double>(now.completions) : 0;
    loads_.push_back(jobs / static_cast<double>(period_s_) * job_s);
    return true;
  }

  double load() const { return loads_.back(); }

  // Of all periods so far, oldest first.
  const std::vector<double>& loads() const { return loads_; }

 private:
  int64_t period_s_;
  double busy_s_ = 0;
  int64_t arrivals_before_ = 0;
  std::vector<double> loads_;
};

inline int64_t CeilOf(double x) { return static_cast<int64_t>(std::ceil(x)); }

}  // namespace drover::bench
