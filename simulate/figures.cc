#include "simulate/figures.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace drover::simulate {
namespace {

constexpr double kSettlingSeconds = 600;

void Lateness(const Run& run, const Jobs& jobs, double slo_wait_s, Figures& figures) {
  struct Share {
    int64_t jobs = 0;
    int64_t late = 0;

    double percent() const {
      return jobs == 0 ? 0 : 100.0 * static_cast<double>(late) / static_cast<double>(jobs);
    }
  };

  Share all;
  Share settled;
  const double settled_from_s = static_cast<double>(run.seconds) / 2 + kSettlingSeconds;
  std::map<int64_t, Share> hours;
  for (size_t i = 0; i < run.wait_s.size(); ++i) {
    Share& hour = hours[static_cast<int64_t>(jobs.arrival_s[i] / 3600)];
    const int64_t late = run.wait_s[i] > slo_wait_s ? 1 : 0;
    ++hour.jobs;
    ++all.jobs;
    hour.late += late;
    if (jobs.arrival_s[i] >= settled_from_s) {
      ++settled.jobs;
      settled.late += late;
    }
    all.late += late;
  }
  figures.late_percent = all.percent();
  figures.settled_late_percent = settled.percent();
  for (const auto& [number, hour] : hours) {
    figures.worst_hour_late_percent = std::max(figures.worst_hour_late_percent, hour.percent());
  }
}

int Sign(int64_t x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }

void Elasticity(const Run& run, const Demand& demand, Figures& figures) {
  const size_t windows = demand.replicas.size();
  int64_t short_windows = 0;
  int64_t long_windows = 0;
  int64_t unstable = 0;
  int64_t before = 0;
  for (size_t window = 0; window < windows; ++window) {
    const int64_t supply = run.ready[window * static_cast<size_t>(demand.window_s)];
    const int64_t need = demand.replicas[window];
    const double relative = static_cast<double>(supply - need) / static_cast<double>(need);
    figures.theta_u += std::max(-relative, 0.0);
    figures.theta_o += std::max(relative, 0.0);
    short_windows += supply < need ? 1 : 0;
    long_windows += supply > need ? 1 : 0;
    if (window > 0 && Sign(supply - before) != Sign(need - demand.replicas[window - 1])) {
      ++unstable;
    }
    before = supply;
  }
  const double percent = 100.0 / static_cast<double>(windows);
  figures.theta_u *= percent;
  figures.theta_o *= percent;
  figures.tau_u = percent * static_cast<double>(short_windows);
  figures.tau_o = percent * static_cast<double>(long_windows);
  figures.instability =
      windows < 2 ? 0 : 100.0 * static_cast<double>(unstable) / static_cast<double>(windows - 1);
}

}  // namespace

double Quantile(std::vector<double>& values, double share) {
  if (values.empty()) {
    return 0;
  }
  const double rank = std::ceil(share * static_cast<double>(values.size()));
  const size_t index = static_cast<size_t>(std::max(rank - 1, 0.0));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(index), values.end());
  return values[index];
}

Figures FiguresOf(const Run& run, const Jobs& jobs, const Demand& demand, double slo_wait_s) {
  Figures figures;
  Lateness(run, jobs, slo_wait_s, figures);
  std::vector<double> waits = run.wait_s;
  figures.wait_p50_s = Quantile(waits, 0.5);
  figures.wait_p95_s = Quantile(waits, 0.95);
  figures.wait_p99_s = Quantile(waits, 0.99);
  figures.wait_max_s = Quantile(waits, 1);
  const double hours = static_cast<double>(run.seconds) / 3600;
  figures.replica_hours = run.replica_s / 3600;
  figures.work_bound_hours = WorkBound(jobs, static_cast<double>(run.seconds)) / 3600;
  figures.actions_per_hour = static_cast<double>(run.actions) / hours;
  figures.launches_per_hour = static_cast<double>(run.launches) / hours;
  figures.restarts_per_hour = static_cast<double>(run.restarts) / hours;
  figures.cpu_per_decision_us = run.policy_cpu_s * 1e6 / static_cast<double>(run.ready.size());
  Elasticity(run, demand, figures);
  return figures;
}

}  // namespace drover::simulate
