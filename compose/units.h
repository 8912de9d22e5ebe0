// Text to quantities, as Compose writes them. InvalidArgument carries what would be right.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace drover::compose {

// "1h5m30s20ms", "2.5s": units ns us ms s m h d w, in any combination; never negative.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);
// "512", "1.5G", "64kb", "128MiB": 1024-based, case-insensitive; never negative.
absl::StatusOr<int64_t> ParseBytes(absl::string_view text);
// "0.5" -> 500 thousandths of a CPU.
absl::StatusOr<int64_t> ParseMilliCpu(absl::string_view text);
// "60%" or "60" -> 60.
absl::StatusOr<double> ParsePercent(absl::string_view text);
// A finite decimal number.
absl::StatusOr<double> ParseNumber(absl::string_view text);
// Splits a command line as a shell does (quotes, backslashes), without running one.
absl::StatusOr<std::vector<std::string>> SplitWords(absl::string_view text);

}  // namespace drover::compose
