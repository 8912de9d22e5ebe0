// How long to keep capacity that is idle: the ski-rental problem with what the load has shown so far.
// Each replica count is a level; when the need falls below it a gap opens, when the need is back the gap
// is over. The lengths of gaps, the open ones as survivors (Kaplan and Meier, 1958), say how likely a
// level is to be needed again after having been idle for a time, and so which waiting time costs least.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace drover::controller {

class ReturnGaps {
 public:
  // Geometric buckets of gap lengths, from a quarter of a unit to about three thousand units.
  static constexpr size_t kBuckets = 26;

  struct Run {
    int64_t top = 0;  // levels from the next run's top, or the present level, up to this
    double since_s = 0;
  };

  struct State {
    bool begun = false;
    int64_t level = 0;
    std::vector<Run> open;  // highest first; the last is the newest and lowest
    std::array<double, kBuckets> closed = {};
  };

  ReturnGaps() = default;

  // With what another remembered.
  explicit ReturnGaps(State state) : state_(std::move(state)) {}

  // Begins at `level` replicas, at `at_s`; `unit_s` is the scale of times (a start-up).
  void Begin(double at_s, int64_t level);

  bool begun() const { return state_.begun; }

  // The need is `level` from `at_s` on.
  void Set(double at_s, int64_t level, double unit_s);

  // The idle time after which a level is given up with the least expected cost, in seconds, when the
  // absence of one replica at its return costs `miss_s` replica-seconds.
  double BestHold(double at_s, double miss_s, double unit_s) const;

  // The largest level of the last `hold_s`.
  int64_t Held(double at_s, double hold_s) const;

  // All that it remembers, for the history.
  const State& state() const { return state_; }

 private:
  // Runs of levels whose gaps opened together; when there are more, the oldest are forgotten.
  static constexpr size_t kMaxRuns = 256;

  static size_t BucketOf(double gap_s, double unit_s);
  static double Lower(size_t bucket, double unit_s);

  State state_;
};

}  // namespace drover::controller
