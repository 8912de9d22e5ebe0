// What placement rules may ask of a node, in the words of Docker Swarm: node.id, node.hostname,
// node.labels.NAME (labels of the agent's configuration), engine.labels.NAME (of the Docker daemon's),
// node.platform.os and node.platform.arch (as the daemon names them).
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace drover {

inline constexpr absl::string_view kNodeLabel = "node.labels.";
inline constexpr absl::string_view kEngineLabel = "engine.labels.";
inline constexpr absl::string_view kPlatformOs = "node.platform.os";
inline constexpr absl::string_view kPlatformArch = "node.platform.arch";

// "ATTRIBUTE == VALUE" or "ATTRIBUTE != VALUE", spaces around the operator or not.
struct Constraint {
  std::string attribute;
  bool equal = true;
  std::string value;
};

// InvalidArgument with what would be right, for people: "node.role is not known …".
absl::StatusOr<Constraint> ParseConstraint(absl::string_view text);

// A label that replicas may be spread over: InvalidArgument unless `text` is node.labels.NAME or
// engine.labels.NAME.
absl::Status CheckSpread(absl::string_view text);

}  // namespace drover
