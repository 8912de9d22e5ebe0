// The load that a service had, found from what its controller recorded, so that other policies can be run
// on it. Work is what the replicas were seen to do, arrivals follow from it and from how the queue grew.
// docs/internals/simulator.md has the rules and their limits.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/core/autoscale/replay.h"
#include "simulate/trace.h"

namespace drover::simulate {

// What was known at one time.
struct PastPoint {
  absl::Time at;
  int64_t desired = 0;  // count in force from then on
  double ready = 0;     // replicas
  // Of all queues together; absent: not known, or the service has none.
  std::optional<double> jobs = {};      // waiting and running
  std::optional<double> running = {};   // of these
  std::optional<double> arrivals = {};  // totals since any start
  std::optional<double> completions = {};
  std::optional<double> usage = {};  // CPU, as a share of what the ready replicas reserve
  bool mean = false;                 // of ten seconds
};

// One signal of a mean, as HistoryMeanSignal has it.
struct PastMean {
  double total = 0;
  double reserved = 0;
};

// Collects what was recorded of one service, oldest first.
class Past {
 public:
  // `desired`: what was decided.
  void Add(const controller::Evaluation& evaluation, int64_t desired);
  // `point` as it is known without its signals, `signals` by index in `spec`.
  void AddMean(PastPoint point, const controller::AutoscaleSpec& spec,
               const std::vector<std::optional<PastMean>>& signals);

  const std::vector<PastPoint>& points() const { return points_; }

  // Seconds from assigned to ready, of replicas that became ready.
  const std::vector<double>& startups_s() const { return startups_s_; }

  // Sums over all points, by queue.
  const std::map<std::string, double>& jobs_by_queue() const { return jobs_by_queue_; }

  // Mean length of a job as the engine has learned it last.
  std::optional<double> learned_s() const { return learned_s_; }

 private:
  std::vector<PastPoint> points_;
  std::vector<double> startups_s_;
  std::map<std::string, double> jobs_by_queue_;
  std::optional<double> learned_s_;
};

struct PastOptions {
  std::optional<double> service_s;   // mean length of a job, instead of the recorded one
  std::optional<double> slo_wait_s;  // a job that waits longer is late, instead of the policy's promise
};

struct PastLoad {
  Trace trace;  // bins of a second
  TraceParams params;
  absl::Time from;
  std::vector<int64_t> desired;  // as recorded, of each second
  int64_t ready = 0;             // replicas at the start
  double busy_usage = 1;         // CPU of a replica that is never idle, as a share of its reservation
  std::map<std::string, double> queue_shares;  // of the jobs
  std::optional<double> startup_low_s;         // measured: 5 % were shorter
  std::optional<double> startup_high_s;        // 5 % were longer
  std::vector<std::string> assumptions;        // for people
};

// FailedPrecondition names what is missing to know the load. `name`: of the service, `live`: its policy.
absl::StatusOr<PastLoad> LoadOf(const Past& past, const std::string& name,
                                const controller::AutoscaleSpec& live, const PastOptions& options);

}  // namespace drover::simulate
