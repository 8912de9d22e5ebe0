// What each window of a trace needs, and what no policy can undercut: the yardsticks of a run.
#pragma once

#include <cstdint>
#include <vector>

#include "simulate/erlang.h"
#include "simulate/jobs.h"
#include "simulate/trace.h"

namespace drover::simulate {

// The demand of a trace over time, by windows of 60 s, or of 10 s for bins of less than a minute. What
// is left of the trace after its last whole window counts with that.
struct Demand {
  int64_t window_s = 60;
  std::vector<double> erlang;     // offered load of each window
  std::vector<int64_t> replicas;  // that keep the promise under this load, at least 1

  int64_t At(int64_t second) const;  // replicas; past the end: of the last window
};

// `trace` as thinned.
Demand DemandOf(const Trace& trace, double job_s, const Promise& promise);

// Replica seconds for the jobs alone, none of them waiting, up to `end_s`: no policy pays less.
double WorkBound(const Jobs& jobs, double end_s);

// Replica seconds of the cheapest schedule in which nobody waits, up to `end_s`: a replica that is idle
// between two jobs costs the lesser of the gap and a launch. Last idle, first used is optimal, because
// min(gap, launch) is concave.
double ClairvoyantCost(const Jobs& jobs, double launch_s, double end_s);

}  // namespace drover::simulate
