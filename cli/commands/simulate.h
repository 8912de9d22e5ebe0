// What the two halves of `simulate` share (simulate_setting.cc): load from files (simulate.cc) and from a
// service's own past (simulate_past.cc).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/session.h"
#include "simulate/experiment.h"

namespace drover::cli {

struct SimulateFlags {
  std::vector<std::string> traces;
  std::string from;  // a service, instead of traces
  std::string since = "24h";
  std::string params;
  std::string service_time;
  std::string slo;
  int64_t thin = 1;
  std::string startup;  // empty: 5:15, or as recorded
  std::vector<uint64_t> seeds;
  std::vector<std::string> policies;
  std::vector<double> targets;
  std::string job_length = "exponential";
  std::string queue_tells = "counters";
  std::string fail_starts;
  bool job_length_doubles = false;
  bool seeded = false;
  double spike = 1;
  std::optional<int64_t> min;  // absent: 1, or the live policy's
  std::optional<int64_t> max;  // absent: 2000, or the live policy's
  std::string output = "table";
};

// Relative to the working directory.
std::string Resolved(const Session& session, const std::string& path);

// "5", "5s", "500ms": seconds.
absl::StatusOr<double> ParseSeconds(absl::string_view flag, const std::string& text);

// What was given replaces what `setting` has.
absl::Status ReadSetting(const SimulateFlags& flags, simulate::Setting& setting);

absl::Status ReadPolicies(const Session& session, const SimulateFlags& flags,
                          std::vector<simulate::PolicyChoice>& policies);

// Runs `comparison`, with progress on a terminal.
absl::StatusOr<std::vector<simulate::Result>> RunComparison(const Session& session,
                                                            const SimulateFlags& flags,
                                                            simulate::Comparison comparison);

void PrintTable(const Session& session, const std::vector<simulate::Result>& results);

// `simulate --from`. The exit code; 2: decisions made again differ from the recorded ones.
int SimulatePast(const Session& session, const SimulateFlags& flags);

}  // namespace drover::cli
