#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "simulate/report.h"

namespace drover::simulate {
namespace {

// Student's t for 95 %, by degrees of freedom; beyond the table the normal value.
double StudentT(size_t degrees) {
  static constexpr double kTable[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262,
                                      2.228,  2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101,
                                      2.093,  2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052};
  return degrees == 0 ? 0 : degrees <= std::size(kTable) ? kTable[degrees - 1] : 1.96;
}

struct Sums {
  double sum = 0;
  double squares = 0;

  void Add(double x) {
    sum += x;
    squares += x * x;
  }

  double HalfWidth(size_t n) const {
    if (n < 2) {
      return 0;
    }
    const double count = static_cast<double>(n);
    const double variance = std::max(0.0, (squares - sum * sum / count) / (count - 1));
    return StudentT(n - 1) * std::sqrt(variance / count);
  }
};

void AddScaled(Figures& sum, const Figures& f, double share) {
  sum.late_percent += f.late_percent * share;
  sum.wait_p50_s += f.wait_p50_s * share;
  sum.wait_p95_s += f.wait_p95_s * share;
  sum.wait_p99_s += f.wait_p99_s * share;
  sum.wait_max_s += f.wait_max_s * share;
  sum.worst_hour_late_percent += f.worst_hour_late_percent * share;
  sum.settled_late_percent += f.settled_late_percent * share;
  sum.replica_hours += f.replica_hours * share;
  sum.work_bound_hours += f.work_bound_hours * share;
  sum.actions_per_hour += f.actions_per_hour * share;
  sum.launches_per_hour += f.launches_per_hour * share;
  sum.restarts_per_hour += f.restarts_per_hour * share;
  sum.cpu_per_decision_us += f.cpu_per_decision_us * share;
  sum.theta_u += f.theta_u * share;
  sum.theta_o += f.theta_o * share;
  sum.tau_u += f.tau_u * share;
  sum.tau_o += f.tau_o * share;
  sum.instability += f.instability * share;
}

Summary SummaryOf(const std::vector<const Result*>& results) {
  Summary summary;
  summary.trace = results[0]->trace;
  summary.policy = results[0]->policy;
  summary.target = results[0]->target;
  summary.seeds = results.size();
  const double share = 1 / static_cast<double>(results.size());
  Sums late;
  Sums hours;
  for (const Result* result : results) {
    AddScaled(summary.mean, result->figures, share);
    summary.rate_oracle_hours += result->rate_oracle_hours * share;
    late.Add(result->figures.late_percent);
    hours.Add(result->figures.replica_hours);
  }
  summary.late_percent_ci = late.HalfWidth(results.size());
  summary.replica_hours_ci = hours.HalfWidth(results.size());
  return summary;
}

std::string WithInterval(double mean, double half_width, int digits) {
  const std::string text = absl::StrFormat("%.*f", digits, mean);
  return half_width == 0 ? text : absl::StrFormat("%s ±%.*f", text, digits, half_width);
}

}  // namespace

std::vector<Summary> Summarise(const std::vector<Result>& results) {
  std::vector<std::vector<const Result*>> groups;
  for (const Result& result : results) {
    auto same = [&](const std::vector<const Result*>& group) {
      return group[0]->trace == result.trace && group[0]->policy == result.policy &&
             group[0]->target == result.target;
    };
    auto group = std::find_if(groups.begin(), groups.end(), same);
    if (group == groups.end()) {
      groups.emplace_back();
      group = std::prev(groups.end());
    }
    group->push_back(&result);
  }
  std::vector<Summary> summaries;
  for (const std::vector<const Result*>& group : groups) {
    summaries.push_back(SummaryOf(group));
  }
  return summaries;
}

std::vector<std::string> SummaryTitles() {
  return {"TRACE", "POLICY", "TARGET",  "LATE %",    "P50 S",      "P99 S",       "MAX S",
          "HOURS", "/WORK",  "/ORACLE", "ACTIONS/H", "LAUNCHES/H", "WORST HOUR %"};
}

std::vector<std::vector<std::string>> SummaryRows(const std::vector<Summary>& summaries) {
  std::vector<std::vector<std::string>> rows;
  for (const Summary& s : summaries) {
    const Figures& f = s.mean;
    rows.push_back({s.trace, s.policy, s.target ? absl::StrFormat("%.6g", *s.target) : "",
                    WithInterval(f.late_percent, s.late_percent_ci, 2), absl::StrFormat("%.1f", f.wait_p50_s),
                    absl::StrFormat("%.1f", f.wait_p99_s), absl::StrFormat("%.1f", f.wait_max_s),
                    WithInterval(f.replica_hours, s.replica_hours_ci, 1),
                    absl::StrFormat("%.2f", f.replica_hours / f.work_bound_hours),
                    absl::StrFormat("%.2f", f.replica_hours / s.rate_oracle_hours),
                    absl::StrFormat("%.1f", f.actions_per_hour), absl::StrFormat("%.1f", f.launches_per_hour),
                    absl::StrFormat("%.2f", f.worst_hour_late_percent)});
  }
  return rows;
}

}  // namespace drover::simulate
