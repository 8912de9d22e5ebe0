// What a queue and its replicas tell about the load: jobs that would run now had none waited, their
// mean, the mean service time, the arrivals. From counters where the source has them, else from depth and
// busy replicas.
#pragma once

#include <cstdint>
#include <optional>

namespace drover::controller {

// The weight of the last `step_s` seconds in a mean that forgets over `scale_s`.
double WeightOf(double step_s, double scale_s);

// One look at a queue and its service.
struct LoadSample {
  double at_s = 0;  // on the caller's clock
  double waiting = 0;
  std::optional<double> running;  // jobs in hand; absent: unknown
  int64_t ready = 0;
  // Totals since any start; absent: the source does not count.
  std::optional<double> arrivals;
  std::optional<double> completions;
};

struct LoadEstimate {
  // What Add goes on from.
  struct Memory {
    std::optional<LoadSample> last = {};  // with `running` filled in
    double busy_s = 0;                    // replica-seconds of work and jobs done, both fading
    double done = 0;
    double queued_at_s = 0;  // when jobs last waited
    bool queued = false;     // jobs have waited since the demand was last seen whole
    double mean_age_s = 0;   // since the last jump
    double rate_age_s = 0;   // since the first sample
  };

  double demand = 0;     // jobs that would run now had each started when its promise asks for it
  double mean = 0;       // of `demand`, over a few start-ups; jumps with the load
  double service_s = 0;  // mean length of a job
  double arrived = 0;    // jobs, counted or estimated, since the first sample
  double rate = 0;       // of arrivals, jobs/s, over a hundred start-ups
  bool jumped = false;   // the last sample contradicted the mean: the load has changed at once
  Memory memory;         // for Add, and for the history

  // Takes in `sample`; `startup_s` and `max_wait_s` set the time scale. The service time is taken for
  // `max_wait_s` until something is known.
  void Add(const LoadSample& sample, double startup_s, double max_wait_s);

 private:
  void LearnService(const LoadSample& sample, double step_s);
  double NewArrivals(const LoadSample& sample, double step_s) const;
  double InHand(const LoadSample& sample, double step_s) const;
  void FollowDemand(const LoadSample& sample, double arrivals, double step_s, double patience_s);
  void FollowMean(double step_s, double startup_s);
};

}  // namespace drover::controller
