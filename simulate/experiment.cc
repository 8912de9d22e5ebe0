#include "simulate/experiment.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>
#include <utility>

#include "common/status.h"
#include "simulate/policies/baseline.h"

namespace drover::simulate {
namespace {

constexpr int64_t kSpikeSeconds = 1800;

Trace Disturbed(Trace trace, const Setting& setting) {
  if (setting.spike == 1) {
    return trace;
  }
  const double from = trace.length_s() / 2;
  for (size_t bin = 0; bin < trace.counts.size(); ++bin) {
    const double at = static_cast<double>(bin) * trace.bin_s;
    if (at >= from && at < from + kSpikeSeconds) {
      trace.counts[bin] = std::llround(static_cast<double>(trace.counts[bin]) * setting.spike);
    }
  }
  return trace;
}

ModelOptions ModelOptionsOf(const Workload& workload, const Setting& setting) {
  return {.startup_low_s = setting.startup_low_s,
          .startup_high_s = setting.startup_high_s,
          .min = setting.min,
          .max = setting.max,
          .initial = std::clamp(setting.initial.value_or(workload.demand.At(0)), setting.min, setting.max),
          .seconds = workload.seconds,
          .fails = setting.failing_starts,
          .utilization = setting.utilization,
          .progress = {}};
}

int64_t AheadSeconds(const Setting& setting) {
  return static_cast<int64_t>(std::ceil(setting.startup_high_s));
}

// Nobody waits, by the schedule that staffing.h describes: there is no run of it.
Result Clairvoyant(const Workload& workload) {
  Result result;
  result.figures.replica_hours = workload.clairvoyant_hours;
  result.figures.work_bound_hours = WorkBound(workload.jobs, static_cast<double>(workload.seconds)) / 3600;
  return result;
}

// Calls `work` with 0 … count - 1, on `threads` threads.
void ForAll(size_t count, int threads, const std::function<void(size_t)>& work) {
  std::atomic<size_t> next = 0;
  auto loop = [&] {
    for (size_t i = next++; i < count; i = next++) {
      work(i);
    }
  };
  std::vector<std::jthread> others;
  for (int i = 1; i < threads; ++i) {
    others.emplace_back(loop);
  }
  loop();
}

}  // namespace

Workload MakeWorkload(const Trace& trace, const TraceParams& params, uint64_t seed, const Setting& setting) {
  const Trace replayed = Thinned(Disturbed(trace, setting), params.thin);
  Workload workload;
  workload.trace = trace.name;
  workload.params = params;
  workload.seed = seed;
  workload.seconds = static_cast<int64_t>(std::ceil(replayed.length_s()));
  Streams streams(seed);
  workload.jobs = MakeJobs(replayed,
                           {.length = setting.job_length,
                            .mean_s = params.job_s(),
                            .doubles_at_s = setting.job_length_doubles ? replayed.length_s() / 2 : -1},
                           streams);
  workload.startups = streams.startups;
  workload.demand = DemandOf(replayed, params.job_s(), {.wait_s = params.slo_wait_s, .share = 0.01});
  workload.clairvoyant_hours =
      ClairvoyantCost(workload.jobs, setting.mean_startup_s(), replayed.length_s()) / 3600;
  const std::unique_ptr<Policy> oracle = MakeRateOracle(workload.demand, AheadSeconds(setting));
  Prng startups = workload.startups;
  workload.rate_oracle_hours =
      RunModel(workload.jobs, ModelOptionsOf(workload, setting), startups, *oracle).replica_s / 3600;
  return workload;
}

absl::StatusOr<Result> Simulate(const std::shared_ptr<const Workload>& workload, const PolicyChoice& policy,
                                const Setting& setting, bool keep_run, const Progress& progress) {
  Result result;
  if (policy.name == kClairvoyant) {
    result = Clairvoyant(*workload);
  } else {
    ModelOptions options = ModelOptionsOf(*workload, setting);
    if (policy.spec) {
      options.min = policy.spec->min;
      options.max = policy.spec->max;
      options.initial =
          std::clamp(setting.initial.value_or(workload->demand.At(0)), options.min, options.max);
    }
    ASSIGN_OR_RETURN(const std::unique_ptr<Policy> made,
                     MakePolicy(policy, {.initial = options.initial,
                                         .min = options.min,
                                         .max = options.max,
                                         .slo_wait_s = workload->params.slo_wait_s,
                                         .job_s = workload->params.job_s(),
                                         .startup_s = setting.mean_startup_s(),
                                         .ahead_s = AheadSeconds(setting),
                                         .tells = setting.tells,
                                         .demand = &workload->demand,
                                         .nature = setting.nature}));
    options.progress = [&](int64_t second) { progress(second, workload->seconds); };
    Prng startups = workload->startups;
    auto run = std::make_shared<Run>(RunModel(workload->jobs, options, startups, *made));
    result.figures = FiguresOf(*run, workload->jobs, workload->demand, workload->params.slo_wait_s);
    if (keep_run) {
      result.run = run;
      result.workload = workload;
    }
  }
  result.trace = workload->trace;
  result.policy = policy.label.empty() ? policy.name : policy.label;
  result.target = policy.target ? policy.target : DefaultTarget(policy.name, workload->params.slo_wait_s);
  result.seed = workload->seed;
  result.rate_oracle_hours = workload->rate_oracle_hours;
  result.clairvoyant_hours = workload->clairvoyant_hours;
  return result;
}

absl::StatusOr<std::vector<Result>> Compare(const Comparison& c) {
  const size_t seeds = c.seeds.size();
  std::vector<std::shared_ptr<const Workload>> workloads(c.inputs.size() * seeds);
  ForAll(workloads.size(), c.threads, [&](size_t i) {
    const Comparison::Input& input = c.inputs[i / seeds];
    workloads[i] = std::make_shared<const Workload>(
        MakeWorkload(input.trace, input.params, c.seeds[i % seeds], c.setting));
  });
  const size_t of_one_trace = c.policies.size() * seeds;
  std::vector<absl::StatusOr<Result>> results(c.inputs.size() * of_one_trace, absl::UnknownError(""));
  std::atomic<size_t> done = 0;
  ForAll(results.size(), c.threads, [&](size_t i) {
    const size_t trace = i / of_one_trace;
    const PolicyChoice& policy = c.policies[i % of_one_trace / seeds];
    auto progress = [&](int64_t second, int64_t all) {
      if (c.progress) {
        c.progress(done, results.size(), static_cast<double>(second) / static_cast<double>(all));
      }
    };
    results[i] = Simulate(workloads[trace * seeds + i % seeds], policy, c.setting, c.keep_runs, progress);
    ++done;
  });
  std::vector<Result> all;
  for (absl::StatusOr<Result>& result : results) {
    RETURN_IF_ERROR(result.status());
    all.push_back(*std::move(result));
  }
  return all;
}

}  // namespace drover::simulate
