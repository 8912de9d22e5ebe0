// Whether more replicas still do more work. While jobs come faster than they are done, the rate of
// completions must grow with the busy replicas; where it does not, something behind them is the limit (a
// database, a licence, a shared disk), and more replicas only press harder on it.
#pragma once

#include <optional>
#include <utility>

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
  struct State {
    std::optional<ThroughputSample> last = {};
    double seen_s = 0;  // for how long
    // Smoothed, all with the same lag; rates in jobs/s.
    double busy = 0;
    double came = 0;
    double done = 0;
    double reference_busy = 0;
    double reference_done = 0;
    std::optional<double> suspected_s = {};
    std::optional<double> limit = {};
    double limited_done = 0;
  };

  ThroughputWatch() = default;

  // With what another remembered.
  explicit ThroughputWatch(State state) : state_(std::move(state)) {}

  // Rates are meant over a start-up or a few mean job lengths, whichever is longer.
  void Add(const ThroughputSample& sample, double startup_s, double service_s);

  // Busy replicas beyond which nothing was gained; absent: no limit is known.
  std::optional<double> limit() const { return state_.limit; }

  // All that it remembers, for the history.
  const State& state() const { return state_; }

 private:
  void Compare(const ThroughputSample& sample, double scale_s);
  void Refer();

  State state_;
};

}  // namespace drover::controller
