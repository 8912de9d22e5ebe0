// What comes at the same minutes of every hour: jobs that timers start (cron) are announced by nothing but
// the clock. For each minute of the hour, over the last eight hours, remembers the largest load and by how
// much it was more than had been reckoned with a start-up before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "controller/core/autoscale/trail.h"

namespace drover::controller {

class HourSeason {
 public:
  static constexpr double kMinuteSeconds = 60;
  static constexpr size_t kMinutes = 60;
  static constexpr size_t kHours = 8;

  struct Minute {
    double load = 0;    // jobs at a time, the largest
    double unseen = 0;  // the most of it that was not reckoned with a start-up before
  };

  struct State {
    Trail reckoned = {};  // loads, over a start-up
    // By minute of the hour, the oldest hour first; empty until a minute is over.
    std::vector<std::vector<Minute>> past = {};
    int64_t minute = 0;  // the one that lasts, since the clock's beginning
    Minute latest = {};  // of it so far
  };

  HourSeason() = default;

  // With what another remembered.
  explicit HourSeason(State state) : state_(std::move(state)) {}

  // The load is `load` at `at_s`, on the caller's clock, and without seasons `reckoned` is expected a
  // start-up later.
  void Add(double at_s, double load, double reckoned, double startup_s);

  // The largest load of which earlier hours say that it comes within `ahead_s` with at least `probability`,
  // where `reckoned` is expected without them. 0 where no two of them say so: once is chance.
  double Expected(double at_s, double ahead_s, double reckoned, double probability) const;

  // All that it remembers, for the history.
  const State& state() const { return state_; }

 private:
  State state_;
};

}  // namespace drover::controller
