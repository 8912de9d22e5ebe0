// The backend sets last wanted, on disk, so that a restarted agent keeps the balancer as it was until a
// controller speaks (R6.4).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/ports/edge.h"

namespace drover::agent {

// Replaces `path` atomically (a temporary file PATH.new beside it, then rename).
absl::Status WriteFileAtomically(const std::string& path, const std::string& content, uint32_t mode = 0600);
// NotFound when there is none.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path);

absl::Status StoreWanted(const std::string& path, const std::vector<EdgeSet>& sets);
// Empty when nothing was stored yet. DataLoss when the file is not one of ours.
absl::StatusOr<std::optional<std::vector<EdgeSet>>> LoadWanted(const std::string& path);

}  // namespace drover::agent
