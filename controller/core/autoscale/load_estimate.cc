#include "controller/core/autoscale/load_estimate.h"

#include <algorithm>
#include <cmath>

namespace drover::controller {
namespace {

// Jobs whose length is known beforehand, with the promise as their length.
constexpr double kPriorJobs = 2;
// A bound on the length counts as so many jobs.
constexpr double kBoundJobs = 20;
// The memory for the service time, in service times; at least a minute.
constexpr double kServiceMemory = 30;
// A queue's end shows in the number of running jobs for about so many service times.
constexpr double kQueueShadow = 2;
// The mean is over so many start-ups or service times, whichever is longer.
constexpr double kMeanScale = 1;
// Standard deviations (of a Poisson load) that are a change and no noise.
constexpr double kJump = 2.5;
constexpr double kRateScale = 200;
// When nobody says how many replicas are busy, idle ones are found by trying: the assumed demand shrinks
// by a third in so many start-ups, until jobs wait.
constexpr double kProbeScale = 25;

}  // namespace

double WeightOf(double step_s, double scale_s) { return 1 - std::exp(-step_s / scale_s); }

double LoadEstimate::InHand(const LoadSample& sample, double step_s) const {
  const double ready = static_cast<double>(sample.ready);
  if (sample.running) {
    return *sample.running;
  }
  if (sample.waiting > 0 || !memory.last) {
    return ready;
  }
  return std::min(ready, *memory.last->running * std::exp(-step_s / kProbeScale));
}

double LoadEstimate::NewArrivals(const LoadSample& sample, double step_s) const {
  if (sample.arrivals && memory.last->arrivals) {
    return std::max(0.0, *sample.arrivals - *memory.last->arrivals);
  }
  const double gone = *memory.last->running * step_s / service_s;
  return std::max(0.0,
                  sample.waiting + *sample.running - memory.last->waiting - *memory.last->running + gone);
}

void LoadEstimate::LearnService(const LoadSample& sample, double step_s) {
  if (sample.completions && memory.last->completions) {
    const double keep = std::exp(-step_s / std::max(60.0, kServiceMemory * service_s));
    memory.busy_s = memory.busy_s * keep + (*memory.last->running + *sample.running) / 2 * step_s;
    memory.done = memory.done * keep + std::max(0.0, *sample.completions - *memory.last->completions);
    return;
  }
  // A queue that falls with all replicas busy bounds the length of a job from above.
  const double fell = memory.last->waiting - sample.waiting;
  const double bound = fell > 0 && sample.waiting > 0 ? *memory.last->running * step_s / fell : service_s;
  if (bound < service_s) {
    memory.busy_s = kBoundJobs * bound;
    memory.done = kBoundJobs;
  }
}

void LoadEstimate::FollowDemand(const LoadSample& sample, double arrivals, double step_s, double patience_s) {
  const double present = sample.waiting + *sample.running;
  if (sample.waiting > 0) {
    memory.queued_at_s = sample.at_s;
    memory.queued = true;
  }
  const bool whole = !memory.queued || sample.at_s - memory.queued_at_s >= kQueueShadow * service_s;
  if (whole && patience_s <= service_s) {
    demand = present;
    memory.queued = false;
    return;
  }
  // As if each job had started at once, on an infinite-server queue; where the promise leaves time, as if
  // the work of each were spread over it.
  const double spread_s = std::max(service_s, patience_s);
  const double keep = std::exp(-step_s / spread_s);
  const double fed =
      step_s > 0 ? arrivals * service_s / step_s * (1 - keep) : arrivals * service_s / spread_s;
  demand = std::min(present, demand * keep + fed);
}

void LoadEstimate::FollowMean(double step_s, double startup_s) {
  memory.mean_age_s += step_s;
  const double error = demand - mean;
  jumped = std::abs(error) > kJump * std::sqrt(std::max(1.0, mean));
  if (jumped) {
    mean = demand;
    memory.mean_age_s = 0;
    return;
  }
  const double scale = kMeanScale * std::max(startup_s, service_s);
  mean += error * WeightOf(step_s, std::min(scale, memory.mean_age_s / 2 + service_s));
}

void LoadEstimate::Add(const LoadSample& given, double startup_s, double max_wait_s) {
  const double step_s = memory.last ? std::max(0.0, given.at_s - memory.last->at_s) : 0;
  LoadSample sample = given;
  sample.running = InHand(given, step_s / startup_s);
  if (!memory.last) {
    service_s = max_wait_s;
    demand = mean = sample.waiting + *sample.running;
    memory.last = sample;
    return;
  }
  LearnService(sample, step_s);
  service_s = (kPriorJobs * max_wait_s + memory.busy_s) / (kPriorJobs + memory.done);
  const double arrivals = NewArrivals(sample, step_s);
  arrived += arrivals;
  if (step_s > 0) {
    memory.rate_age_s += step_s;
    rate += (arrivals / step_s - rate) *
            WeightOf(step_s, std::min(kRateScale * startup_s, memory.rate_age_s + startup_s));
  }
  FollowDemand(sample, arrivals, step_s, (max_wait_s - startup_s) / 2);
  FollowMean(step_s, startup_s);
  memory.last = sample;
}

}  // namespace drover::controller
