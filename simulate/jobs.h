// The jobs of one run: when each arrives and how long it runs, drawn from the streams of the run's seed.
// Three splitmix64 streams, so that a policy that launches more replicas meets the same jobs.
#pragma once

#include <cstdint>
#include <vector>

#include "common/prng.h"
#include "simulate/trace.h"

namespace drover::simulate {

enum class JobLength { kExponential, kDeterministic, kLogNormal };  // log-normal: coefficient of variation 2

// The streams of run seed `s`: seeds 3s+1, 3s+2, 3s+3.
struct Streams {
  explicit Streams(uint64_t seed) : arrivals(3 * seed + 1), lengths(3 * seed + 2), startups(3 * seed + 3) {}

  Prng arrivals;
  Prng lengths;
  Prng startups;
};

struct JobOptions {
  JobLength length = JobLength::kExponential;
  double mean_s = 1;
  // From this second of the trace on, jobs that arrive are twice as long. Negative: never.
  double doubles_at_s = -1;
};

struct Jobs {
  std::vector<double> arrival_s;  // ascending
  std::vector<double> length_s;   // same index
};

// `trace` as thinned: every count is a job, at sorted uniform positions inside its bin.
Jobs MakeJobs(const Trace& trace, const JobOptions& options, Streams& streams);

}  // namespace drover::simulate
