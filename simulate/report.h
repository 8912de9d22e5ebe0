// Results for people and programs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "simulate/experiment.h"

namespace drover::simulate {

// All seeds of one trace, policy and target.
struct Summary {
  std::string trace;
  std::string policy;
  std::optional<double> target;
  size_t seeds = 0;
  Figures mean;
  double rate_oracle_hours = 0;  // mean
  // Half of the 95 % confidence interval (Student's t); 0 of one seed.
  double late_percent_ci = 0;
  double replica_hours_ci = 0;
};

// In the order of the first result of each.
std::vector<Summary> Summarise(const std::vector<Result>& results);

// A table of summaries: as many cells in a row as there are titles; the first is the trace.
std::vector<std::string> SummaryTitles();
std::vector<std::vector<std::string>> SummaryRows(const std::vector<Summary>& summaries);

// An array with one object per result. `assumptions`: for people, in each of them where there are any.
std::string ToJson(const std::vector<Result>& results, const std::vector<std::string>& assumptions = {});

// The same for decisions that were only made again: `trace`, `policy` and `replayed`.
std::string ToJson(const std::string& trace, const std::string& policy, const Replayed& replayed);

// One self-contained page: for each trace the table, the front of cost against lateness, and for each
// result of the first seed that kept its run load, supply, demand and waits over time. `notes` stand above.
std::string ToHtml(const std::vector<Result>& results, const std::vector<std::string>& notes = {});

}  // namespace drover::simulate
