// The recorded decisions of a service, read from a controller: what `simulate --from` replays.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/client.h"
#include "controller/core/autoscale/replay.h"
#include "drover/v1/history.pb.h"

namespace drover::cli {

struct ServiceHistory {
  // Oldest first, inputs complete. Replay(evaluations) makes the decisions again; the first may be
  // earlier than asked for, because replaying begins where the whole state was written.
  std::vector<controller::Evaluation> evaluations;
  // Of each evaluation: CRC-32 of the decision that was made (DecisionSum).
  std::vector<uint32_t> sums;
  std::vector<v1::HistoryRecord> means;  // HistoryMean, of the time before full resolution
  absl::Time full_from;                  // InfiniteFuture: nowhere
};

// `since`: RFC 3339, or how long ago. Errors: those of Client::Stream; Unavailable when the answer ends
// too early.
absl::StatusOr<ServiceHistory> ReadHistory(const Client& client, const std::string& stack,
                                           const std::string& service, const std::string& since);

}  // namespace drover::cli
