// Whether more replicas still do more work. While jobs come faster than they are done, the rate of
// completions must grow with the busy replicas; where it does not, something behind them is the limit (a
// database, a licence, a shared disk), and more replicas only press harder on it.
#pragma once

#include <optional>

namespace drover::controller {

struct ThroughputSample {
  double at_s = 0;
  double waiting = 0;
  double busy = 0;
  // Totals since any start; absent: the source does not count, and no limit is ever seen.
  std::optional<double> arrivals;
  std::optional<double> completions;
};

class ThroughputWatch {
 public:
  // Rates are meant over a start-up or a few mean job lengths, whichever is longer.
  void Add(const ThroughputSample& sample, double startup_s, double service_s);

  // Busy replicas beyond which nothing was gained; absent: no limit is known.
  std::optional<double> limit() const { return limit_; }

 private:
  void Compare(const ThroughputSample& sample, double scale_s);
  void Refer();

  std::optional<ThroughputSample> last_;
  double seen_s_ = 0;  // for how long
  // Smoothed, all with the same lag; rates in jobs/s.
  double busy_ = 0;
  double came_ = 0;
  double done_ = 0;
  double reference_busy_ = 0;
  double reference_done_ = 0;
  std::optional<double> suspected_s_;
  std::optional<double> limit_;
  double limited_done_ = 0;
};

}  // namespace drover::controller
