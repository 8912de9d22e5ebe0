// Load traces: how many jobs arrive in each bin of time, and the parameters that turn the counts of one
// trace into a replay. Format: `t_seconds,arrivals` a line, `#` starts a comment line.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace drover::simulate {

struct Trace {
  std::string name;             // the file's name without folder and ending
  double bin_s = 0;             // > 0; the same for all bins
  std::vector<int64_t> counts;  // arrivals of each bin, none missing, at least one bin

  double length_s() const { return bin_s * static_cast<double>(counts.size()); }
};

// How a trace is replayed; one line of params.csv.
struct TraceParams {
  double service_s = 0;   // mean length of one counted request, > 0
  int64_t thin = 1;       // one job stands for this many requests and is as much longer, >= 1
  double slo_wait_s = 0;  // a job that waits longer is late, >= 0

  double job_s() const { return service_s * static_cast<double>(thin); }
};

// Reads `text`; `file` names it in errors: "FILE:LINE: what is wrong; what would be right".
absl::StatusOr<Trace> ParseTrace(const std::string& text, const std::string& file);
absl::StatusOr<Trace> ReadTrace(const std::string& file);

// By trace name.
absl::StatusOr<std::map<std::string, TraceParams>> ParseParams(const std::string& text,
                                                               const std::string& file);
absl::StatusOr<std::map<std::string, TraceParams>> ReadParams(const std::string& file);

// The trace with every `n`-th request kept: cumulative counts divided by n, rounded down, and the
// differences taken.
Trace Thinned(const Trace& trace, int64_t n);

}  // namespace drover::simulate
