// The decision that was in force at some time, found again in the history.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/ports/history.h"
#include "drover/v1/api.pb.h"

namespace drover::controller {

struct PastDecision {
  Decision decision;                          // with what carrying it out had come to by then
  std::optional<Decision> last_change;        // last that changed the count, as far as it was read
  std::shared_ptr<const AutoscaleSpec> spec;  // null: not kept
  std::vector<v1::Event> events;              // about the service, newest first, at most 10
  std::string note;                           // how exact the figures are
};

// Errors: NotFound when `at` is before what is kept (the earliest time is named) or nothing had been
// decided by then; those of HistoryLog::Read.
absl::StatusOr<PastDecision> DecisionAt(HistoryLog& history, const ServiceKey& service, absl::Time at);

// "2026-11-22T03:10:00Z" (RFC 3339), or how long before `now`: "10m", "2h30m", "3d". InvalidArgument says
// what would be right, also for a time to come.
absl::StatusOr<absl::Time> ParsePastTime(const std::string& text, absl::Time now);

// "2026-11-22 03:10:00 UTC".
std::string TimeText(absl::Time time);

}  // namespace drover::controller
