#include "common/ids.h"

#include <charconv>

#include "absl/strings/str_cat.h"

namespace drover {

std::string ToString(const ServiceKey& key) { return absl::StrCat(key.stack, "/", key.service); }

std::string HexId(uint64_t bits) { return absl::StrCat(absl::Hex(bits, absl::kZeroPad16)); }

std::string ToString(ReplicaId id) { return HexId(id.value()); }

absl::StatusOr<ReplicaId> ParseReplicaId(absl::string_view text) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [position, error] = std::from_chars(text.data(), end, value, 16);
  if (text.size() != 16 || error != std::errc() || position != end || value == 0) {
    return absl::InvalidArgumentError(absl::StrCat("replica id: must be 16 hex digits, was '", text, "'"));
  }
  return ReplicaId(value);
}

}  // namespace drover
