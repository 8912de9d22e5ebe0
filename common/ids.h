// Strong identifiers: distinct types that do not convert into each other or into their raw value.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace drover {

template <typename Tag, typename Rep>
class Strong {
 public:
  constexpr Strong() = default;

  constexpr explicit Strong(Rep value) : value_(std::move(value)) {}

  constexpr const Rep& value() const { return value_; }

  friend constexpr auto operator<=>(const Strong& a, const Strong& b) = default;
  friend constexpr bool operator==(const Strong& a, const Strong& b) = default;

 private:
  Rep value_{};
};

using ClusterId = Strong<struct ClusterIdTag, std::string>;  // random, 16 hex digits; empty: none
using NodeId = Strong<struct NodeIdTag, std::string>;        // random, 16 hex digits (R1.7)
using ReplicaId = Strong<struct ReplicaIdTag, uint64_t>;     // random, never 0, never used twice
using Epoch = Strong<struct EpochTag, uint64_t>;             // R1.2; 0: none
using Revision = Strong<struct RevisionTag, uint64_t>;       // R1.2, per node or per backend set; 0: none

// stack/service, the name that people type.
struct ServiceKey {
  std::string stack;
  std::string service;

  friend auto operator<=>(const ServiceKey&, const ServiceKey&) = default;
};

// "stack/service".
std::string ToString(const ServiceKey& key);
// 16 lower-case hex digits.
std::string ToString(ReplicaId id);
// InvalidArgument unless `text` is 16 hex digits and not zero.
absl::StatusOr<ReplicaId> ParseReplicaId(absl::string_view text);
// Random ids (16 hex digits) for clusters and nodes; `bits` come from the caller's entropy.
std::string HexId(uint64_t bits);

}  // namespace drover

template <typename Tag, typename Rep>
struct std::hash<drover::Strong<Tag, Rep>> {
  size_t operator()(const drover::Strong<Tag, Rep>& id) const { return std::hash<Rep>()(id.value()); }
};
