// Whether more replicas still do more work. While jobs wait and every replica is busy, the rate of
// completions must grow with the replicas; where it does not, something behind them is the limit (a
// database, a licence, a shared disk), and more replicas only press harder on it.
#pragma once

#include <optional>

namespace drover::controller {

class ThroughputWatch {
 public:
  // `saturated`: jobs wait and all replicas are busy. `completions`: total since any start; absent: the
  // source does not count, and no limit is ever seen. `scale_s`: over which rates are meant, at least a
  // start-up and a few service times.
  void Add(double at_s, bool saturated, double busy, std::optional<double> completions, double scale_s);

  // Replicas beyond which nothing was gained; absent: no limit is known.
  std::optional<double> limit() const { return limit_; }

 private:
  void Compare(double at_s, double scale_s);

  std::optional<double> last_s_;
  std::optional<double> completions_;
  double saturated_s_ = 0;     // for how long without a break
  double busy_ = 0;            // smoothed, with the same lag as `rate_`
  double rate_ = 0;            // completions/s
  double reference_busy_ = 0;  // 0: none yet
  double reference_rate_ = 0;
  std::optional<double> limit_;
  double limited_at_s_ = 0;
};

}  // namespace drover::controller
