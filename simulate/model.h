// The queueing model: one central FIFO, k replicas of one slot each (G/G/k), a policy that acts once a
// second. Order within a tick: replicas become ready, ended jobs leave, metrics are sampled, the policy
// acts, arrivals queue, jobs start.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "common/prng.h"
#include "simulate/jobs.h"
#include "simulate/policy.h"

namespace drover::simulate {

// How utilization is measured.
struct UtilizationWindow {
  int64_t mean_s = 30;  // over so many seconds, >= 1
  int64_t late_s = 15;  // the newest of them began so long ago, >= 1
};

struct ModelOptions {
  double startup_low_s = 5;  // uniform between these
  double startup_high_s = 15;
  int64_t min = 1;
  int64_t max = 2000;
  int64_t initial = 1;  // replicas ready at the start
  int64_t seconds = 0;  // of the trace; the run goes on until every job has started
  double fails = 0;     // share of starts that end without a replica, in [0, 1)
  UtilizationWindow utilization = {};
  std::function<void(int64_t)> progress;  // called with the second, every simulated hour; may be empty
};

// What happened, as far as figures need it.
struct Run {
  int64_t seconds = 0;           // of the trace
  std::vector<double> wait_s;    // of each job, by index of Jobs
  std::vector<int32_t> ready;    // of each second, when metrics are sampled
  std::vector<int32_t> billed;   // ready, starting and draining, after the policy acted
  std::vector<int32_t> waiting;  // jobs, when metrics are sampled
  double replica_s = 0;          // billed: from launch to the end, drain included, within the trace
  int64_t actions = 0;           // ticks at which the count changed
  int64_t launches = 0;
  int64_t restarts = 0;  // launches less than the mean start-up time after a removal
  double policy_cpu_s = 0;
};

// Runs `jobs` to their end. `startups` is the stream of start-up delays.
Run RunModel(const Jobs& jobs, const ModelOptions& options, Prng& startups, Policy& policy);

}  // namespace drover::simulate
