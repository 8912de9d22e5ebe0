// The recorded decisions of a service, read from a controller and made again: what `simulate --from` works
// on.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/client.h"
#include "controller/core/autoscale/replay.h"
#include "drover/v1/history.pb.h"

namespace drover::cli {

// One recorded evaluation and its decision made again.
struct PastDecision {
  const controller::Evaluation& evaluation;  // inputs complete
  const controller::Decision& again;
  bool equal = false;  // to what was decided, in every byte
  bool gap = false;    // evaluations right before it were not kept, or are damaged
  bool early = false;  // before the time asked for: replaying begins where the whole state was written
};

struct HistoryVisitor {
  std::function<void(const PastDecision&)> decision;
  std::function<void(const v1::HistoryRecord&)> mean;  // HistoryMean, of the time before full resolution
};

struct HistoryExtent {
  absl::Time earliest;   // of anything kept; InfiniteFuture: nothing is
  absl::Time full_from;  // full resolution from here on; InfiniteFuture: nowhere
};

// Visits what is kept of a service since `since` (RFC 3339, or how long ago), oldest first. Errors: those of
// Client::Stream; Unavailable when the answer ends too early.
absl::StatusOr<HistoryExtent> ReadHistory(const Client& client, const std::string& stack,
                                          const std::string& service, const std::string& since,
                                          const HistoryVisitor& visitor);

}  // namespace drover::cli
