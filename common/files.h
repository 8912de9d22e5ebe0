// Small files that must survive a crash.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace drover {

// Writes `content` to `path` so that it is there whole or not at all, and survives a power cut.
absl::Status WriteDurably(const std::string& path, const std::string& content, int mode);
// NotFound when there is none.
absl::StatusOr<std::string> ReadWhole(const std::string& path);

}  // namespace drover
