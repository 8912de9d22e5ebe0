// One replay of a trace under one policy, and comparisons of many: traces, seeds, policies, targets.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "simulate/figures.h"
#include "simulate/policies/registry.h"
#include "simulate/replayed.h"
#include "simulate/staffing.h"
#include "simulate/trace.h"

namespace drover::simulate {

// The surroundings of all runs of a comparison.
struct Setting {
  double startup_low_s = 5;  // start-up delays are uniform between these
  double startup_high_s = 15;
  int64_t min = 1;
  int64_t max = 2000;
  JobLength job_length = JobLength::kExponential;
  double failing_starts = 0;            // share in [0, 1)
  bool job_length_doubles = false;      // for jobs that arrive in the second half
  double spike = 1;                     // counts times this in the 30 minutes after the half
  std::optional<int64_t> initial = {};  // replicas ready at the start; absent: what the first window needs
  UtilizationWindow utilization = {};
  ServiceNature nature = {};
  QueueTells tells = QueueTells::kCounters;

  double mean_startup_s() const { return (startup_low_s + startup_high_s) / 2; }
};

// What policies are run on: one trace with one seed's draws, and its yardsticks.
struct Workload {
  std::string trace;
  TraceParams params;
  uint64_t seed = 1;
  int64_t seconds = 0;
  Jobs jobs;
  Prng startups{0};
  Demand demand;
  double rate_oracle_hours = 0;
  double clairvoyant_hours = 0;
};

struct Result {
  std::string trace;
  std::string policy;
  std::optional<double> target;
  uint64_t seed = 1;
  Figures figures;
  double rate_oracle_hours = 0;
  double clairvoyant_hours = 0;
  // On the own past: what came of its recorded decisions made again.
  std::optional<Replayed> replayed;
  // Of each second; kept only when asked for.
  std::shared_ptr<const Run> run;
  std::shared_ptr<const Workload> workload;
};

Workload MakeWorkload(const Trace& trace, const TraceParams& params, uint64_t seed, const Setting& setting);

using Progress = std::function<void(int64_t second, int64_t seconds)>;

absl::StatusOr<Result> Simulate(const std::shared_ptr<const Workload>& workload, const PolicyChoice& policy,
                                const Setting& setting, bool keep_run, const Progress& progress);

struct Comparison {
  struct Input {
    Trace trace;
    TraceParams params;
  };

  std::vector<Input> inputs;
  std::vector<PolicyChoice> policies;  // one for each target too
  std::vector<uint64_t> seeds;
  Setting setting;
  bool keep_runs = false;
  int threads = 1;
  // Runs done of all, and the share done of one of those at work; called from any thread.
  std::function<void(size_t done, size_t all, double share)> progress;
};

// All combinations, ordered by trace, policy, seed. An error names the policy.
absl::StatusOr<std::vector<Result>> Compare(const Comparison& comparison);

}  // namespace drover::simulate
