// The report as one self-contained page.
#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "simulate/report.h"
#include "simulate/svg.h"

namespace drover::simulate {
namespace {

constexpr size_t kColumns = 600;  // points of a line

constexpr char kHead[] = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>drover simulate</title>
<style>
body { font: 14px system-ui, sans-serif; max-width: 960px; margin: 2em auto; padding: 0 1em; color: #222; background: #fff; }
table { border-collapse: collapse; margin: 1em 0; font-variant-numeric: tabular-nums; }
th, td { padding: 2px 10px; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
svg { width: 100%; font-size: 11px; margin: 0.5em 0; }
svg text { fill: #333; }
.grid { stroke: #e4e4e4; fill: none; }
.line { fill: none; stroke-width: 1.5; }
</style></head><body>
<h1>drover simulate</h1>
)";

// One series over time: for each of at most kColumns slices of `seconds`, the largest of its values.
using Slices = std::vector<double>;

double SliceLength(int64_t seconds) {
  return std::max(1.0, std::ceil(static_cast<double>(seconds) / static_cast<double>(kColumns)));
}

Series OverTime(const std::string& name, size_t color, const Slices& slices, double length_s) {
  Series series{.name = name, .color = color, .dots = false, .points = {}, .notes = {}};
  for (size_t i = 0; i < slices.size(); ++i) {
    series.points.emplace_back(static_cast<double>(i) * length_s / 3600, slices[i]);
  }
  return series;
}

template <typename Values>
Slices Largest(const Values& values, double values_per_slice) {
  Slices slices;
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t slice = static_cast<size_t>(static_cast<double>(i) / values_per_slice);
    slices.resize(std::max(slices.size(), slice + 1));
    slices[slice] = std::max(slices[slice], static_cast<double>(values[i]));
  }
  return slices;
}

Slices LargestWaits(const Workload& workload, const Run& run, double length_s) {
  Slices slices(static_cast<size_t>(std::ceil(static_cast<double>(workload.seconds) / length_s)));
  for (size_t i = 0; i < run.wait_s.size(); ++i) {
    double& slice =
        slices[std::min(slices.size() - 1, static_cast<size_t>(workload.jobs.arrival_s[i] / length_s))];
    slice = std::max(slice, run.wait_s[i]);
  }
  return slices;
}

std::string NameOf(const Result& result) {
  return result.target ? absl::StrFormat("%s %.4g", result.policy, *result.target) : result.policy;
}

std::string Timeline(const Result& result) {
  const Workload& workload = *result.workload;
  const double length = SliceLength(workload.seconds);
  const double windows = std::max(1.0, length / static_cast<double>(workload.demand.window_s));
  const double window_length = std::max(length, static_cast<double>(workload.demand.window_s));
  Plot supply{
      .title = absl::StrFormat("%s: %.2f %% late, %.6g replica hours", NameOf(result),
                               result.figures.late_percent, result.figures.replica_hours),
      .x_label = "hours",
      .y_label = "replicas",
      .series = {OverTime("billed", 4, Largest(result.run->billed, length), length),
                 OverTime("ready (supply)", 0, Largest(result.run->ready, length), length),
                 OverTime("needed (demand)", 1, Largest(workload.demand.replicas, windows), window_length),
                 OverTime("load (Erlang)", 2, Largest(workload.demand.erlang, windows), window_length)}};
  Plot waits{.title = absl::StrFormat("longest wait; promised %.4g s", workload.params.slo_wait_s),
             .x_label = "hours",
             .y_label = "s",
             .series = {OverTime("wait", 3, LargestWaits(workload, *result.run, length), length)}};
  return ToSvg(supply) + ToSvg(waits);
}

// Cost against lateness: each policy's targets as one line.
std::string Front(const std::vector<Summary>& summaries, const std::string& trace) {
  Plot plot{.title = "cost against lateness (down and left is better)",
            .x_label = "replica hours / work bound",
            .y_label = "late %",
            .log_y = true,
            .from_x = 1,
            .series = {}};
  std::map<std::string, size_t> lines;
  for (const Summary& summary : summaries) {
    if (summary.trace != trace) {
      continue;
    }
    const auto [it, fresh] = lines.emplace(summary.policy, plot.series.size());
    if (fresh) {
      plot.series.push_back(
          {.name = summary.policy, .color = it->second, .dots = true, .points = {}, .notes = {}});
    }
    Series& line = plot.series[it->second];
    line.points.emplace_back(summary.mean.replica_hours / summary.mean.work_bound_hours,
                             summary.mean.late_percent);
    line.notes.push_back(summary.target ? absl::StrFormat("%s %.4g", summary.policy, *summary.target)
                                        : summary.policy);
  }
  return ToSvg(plot);
}

std::string SummaryTable(const std::vector<Summary>& summaries, const std::string& trace) {
  std::string out = "<table><tr>";
  const std::vector<std::vector<std::string>> rows = SummaryRows(summaries);
  for (const std::string& title : SummaryTitles()) {
    absl::StrAppend(&out, title == "TRACE" ? "" : absl::StrCat("<th>", Escaped(title), "</th>"));
  }
  absl::StrAppend(&out, "</tr>\n");
  for (const std::vector<std::string>& row : rows) {
    if (row[0] != trace) {
      continue;
    }
    absl::StrAppend(&out, "<tr>");
    for (size_t i = 1; i < row.size(); ++i) {
      absl::StrAppend(&out, "<td>", Escaped(row[i]), "</td>");
    }
    absl::StrAppend(&out, "</tr>\n");
  }
  return out + "</table>\n";
}

}  // namespace

std::string ToHtml(const std::vector<Result>& results, const std::vector<std::string>& notes) {
  const std::vector<Summary> summaries = Summarise(results);
  std::vector<std::string> traces;
  for (const Summary& summary : summaries) {
    if (traces.empty() || traces.back() != summary.trace) {
      traces.push_back(summary.trace);
    }
  }
  std::string out = kHead;
  for (const std::string& note : notes) {
    absl::StrAppend(&out, "<p>", Escaped(note), "</p>\n");
  }
  for (const std::string& trace : traces) {
    absl::StrAppend(&out, "<h2>", Escaped(trace), "</h2>\n", SummaryTable(summaries, trace),
                    Front(summaries, trace));
    for (const Result& result : results) {
      if (result.trace == trace && result.run != nullptr && result.seed == results.front().seed) {
        absl::StrAppend(&out, Timeline(result));
      }
    }
  }
  return out + "</body></html>\n";
}

}  // namespace drover::simulate
