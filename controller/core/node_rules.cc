#include "controller/core/node_rules.h"

#include <algorithm>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/node_attribute.h"
#include "controller/core/availability.h"
#include "controller/core/ports.h"

namespace drover::controller {
namespace {

// The names that Docker and image platforms have for the same processors.
absl::string_view Architecture(absl::string_view name) {
  if (absl::EqualsIgnoreCase(name, "amd64")) {
    return "x86_64";
  }
  return absl::EqualsIgnoreCase(name, "arm64") ? "aarch64" : name;
}

std::string LivenessReason(const Node& node) {
  switch (node.status) {
    case NodeStatus::kUp:
      return node.stream ? "" : "not connected";
    case NodeStatus::kSuspect:
      return "silent";
    case NodeStatus::kLost:
      return "lost";
    case NodeStatus::kNeverSeen:
      return "not seen since the controller started";
  }
  return "";
}

std::string ConstraintReason(const ServiceSpec& spec, const Node& node) {
  const ConstraintSpec* unmet = Unmet(spec, node);
  if (unmet == nullptr) {
    return "";
  }
  const std::optional<absl::string_view> has = AttributeOf(node, unmet->key);
  const std::string rule = absl::StrCat(unmet->key, unmet->equal ? " == " : " != ", unmet->value);
  return absl::StrCat("does not meet ", rule,
                      !unmet->equal ? "" : (has ? absl::StrCat(" (", *has, ")") : " (has none)"));
}

std::string PerNodeReason(const Model& model, const Service& service, const Node& node) {
  const int64_t most = service.spec->global ? 1 : service.spec->max_per_node;
  if (most == 0) {
    return "";
  }
  const auto here = std::count_if(node.replicas.begin(), node.replicas.end(), [&](ReplicaId id) {
    const Replica& replica = model.replicas.at(id);
    return replica.record.service == service.key && HoldsReservation(replica.state);
  });
  if (here < most) {
    return "";
  }
  return service.spec->global ? "has its replica (mode: global)"
                              : absl::StrCat("has ", here, " of it, and max_replicas_per_node is ", most);
}

std::string HostPortReason(const Model& model, const Node& node, const ServiceSpec& spec) {
  if (spec.host_ports.empty()) {
    return "";
  }
  for (const ReplicaId id : node.replicas) {
    const Replica& other = model.replicas.at(id);
    auto service = model.services.find(other.record.service);
    if (!HoldsReservation(other.state) || service == model.services.end() || !service->second.spec) {
      continue;
    }
    for (const uint32_t port : spec.host_ports) {
      const std::vector<uint32_t>& taken = service->second.spec->host_ports;
      if (std::find(taken.begin(), taken.end(), port) != taken.end()) {
        return absl::StrCat("host port ", port, " is taken");
      }
    }
  }
  return "";
}

Exclusion RoomExclusion(const ServiceSpec& spec, Resources need, Resources room) {
  if (need.cpu > room.cpu) {
    return {.rule = NodeRule::kCpu,
            .text = "",
            .free = std::max<int64_t>(room.cpu.value(), 0),
            .wanted = need.cpu.value(),
            .assumed = !spec.reserved_cpu};
  }
  if (need.memory > room.memory) {
    return {.rule = NodeRule::kMemory,
            .text = "",
            .free = std::max<int64_t>(room.memory.value(), 0),
            .wanted = need.memory.value(),
            .assumed = !spec.reserved_memory};
  }
  return {};
}

// Whether what the node has of the service already counts.
enum class Has { kCounts, kCountsNot };

// Without the rules of room: what the node is, not what it has left.
Exclusion ExcludeByKind(const Model& model, const Service& service, const Node& node, Has has) {
  const ServiceSpec& spec = *service.spec;
  const auto because = [](NodeRule rule, std::string text) {
    return Exclusion{.rule = rule, .text = std::move(text)};
  };
  if (spec.pinned() && !service.record.data_node.value().empty() &&
      service.record.data_node != node.record.id) {
    return because(NodeRule::kItsData, "does not hold its data");
  }
  if (std::string reason = LivenessReason(node); !reason.empty()) {
    return because(NodeRule::kLiveness, std::move(reason));
  }
  if (std::string reason = AvailabilityReason(service, node); !reason.empty()) {
    return because(NodeRule::kAvailability, std::move(reason));
  }
  if (std::string reason = ConstraintReason(spec, node); !reason.empty()) {
    return because(NodeRule::kConstraint, std::move(reason));
  }
  if (std::string reason = PerNodeReason(model, service, node); has == Has::kCounts && !reason.empty()) {
    return because(NodeRule::kPerNode, std::move(reason));
  }
  if (std::string reason = HostPortReason(model, node, spec); !reason.empty()) {
    return because(NodeRule::kHostPort, std::move(reason));
  }
  return {};
}

Exclusion ExcludeAs(const Model& model, const Service& service, const Node& node, Has has) {
  const ServiceSpec& spec = *service.spec;
  if (Exclusion kind = ExcludeByKind(model, service, node, has); kind.rule != NodeRule::kNone) {
    return kind;
  }
  Exclusion room = RoomExclusion(spec, model.ReservationOf(service), node.record.capacity - node.reserved);
  if (room.rule != NodeRule::kNone) {
    return room;
  }
  if (!HasPortsFor(model, node, spec)) {
    return {.rule = NodeRule::kPortRange,
            .text = absl::StrCat("no free port in its port_range ", node.record.port_first, "-",
                                 node.record.port_last)};
  }
  if (const Service* other = KeptFor(model, service, node)) {
    return {.rule = NodeRule::kKept,
            .text = absl::StrCat("its room is for ", ToString(other->key), " (priority ",
                                 other->spec->priority, ")")};
  }
  return {};
}

}  // namespace

std::string CpuText(MilliCpu cpu) {
  return absl::StrFormat("%g CPU", static_cast<double>(cpu.value()) / 1000);
}

std::string MemoryText(Bytes memory) { return absl::StrCat(memory.value() >> 20, " MiB"); }

std::optional<absl::string_view> AttributeOf(const Node& node, absl::string_view attribute) {
  if (attribute == "node.id") {
    return node.record.id.value();
  }
  if (attribute == "node.hostname") {
    return node.record.name;
  }
  // What the engine says is among the labels under its full name (Hello.labels).
  const absl::string_view label =
      absl::StartsWith(attribute, kNodeLabel) ? attribute.substr(kNodeLabel.size()) : attribute;
  for (const auto& [name, value] : node.record.labels) {
    if (absl::string_view(name) == label) {
      return value;
    }
  }
  return std::nullopt;
}

const ConstraintSpec* Unmet(const ServiceSpec& spec, const Node& node) {
  for (const ConstraintSpec& constraint : spec.constraints) {
    absl::string_view has = AttributeOf(node, constraint.key).value_or("");
    absl::string_view wanted = constraint.value;
    if (absl::string_view(constraint.key) == kPlatformArch) {
      has = Architecture(has);
      wanted = Architecture(wanted);
    }
    if (absl::EqualsIgnoreCase(has, wanted) != constraint.equal) {
      return &constraint;
    }
  }
  return nullptr;
}

Exclusion Exclude(const Model& model, const Service& service, const Node& node) {
  return ExcludeAs(model, service, node, Has::kCounts);
}

Exclusion ExcludeBeside(const Model& model, const Service& service, const Node& node) {
  return ExcludeAs(model, service, node, Has::kCountsNot);
}

std::string ToText(const Exclusion& exclusion) {
  const char* assumed = exclusion.assumed ? " (assumed)" : "";
  switch (exclusion.rule) {
    case NodeRule::kNone:
      return "";
    case NodeRule::kCpu:
      return absl::StrCat(CpuText(MilliCpu(exclusion.free)), " free, ", CpuText(MilliCpu(exclusion.wanted)),
                          " wanted", assumed);
    case NodeRule::kMemory:
      return absl::StrCat(MemoryText(Bytes(exclusion.free)), " free, ", MemoryText(Bytes(exclusion.wanted)),
                          " wanted", assumed);
    default:
      return exclusion.text;
  }
}

std::string WhyNot(const Model& model, const Service& service, const Node& node) {
  return ToText(Exclude(model, service, node));
}

bool IsMisplaced(const Model& model, const Service& service, const Replica& replica) {
  if (!service.spec || service.spec->pinned() || service.spec->task || replica.record.node.value().empty()) {
    return false;
  }
  const ServiceSpec& spec = *service.spec;
  if (spec.constraints.empty() && spec.max_per_node == 0) {
    return false;
  }
  const Node& node = model.nodes.at(replica.record.node);
  if (Unmet(spec, node) != nullptr) {
    return true;
  }
  if (spec.max_per_node == 0 || spec.global) {
    return false;
  }
  // The first of them may stay.
  const auto before = std::count_if(node.replicas.begin(), node.replicas.end(), [&](ReplicaId id) {
    const Replica& other = model.replicas.at(id);
    return other.record.service == service.key && HoldsReservation(other.state) &&
           other.record.number < replica.record.number;
  });
  return before >= static_cast<int64_t>(spec.max_per_node);
}

Resources LeavingRoom(const Model& model, const Node& node) {
  Resources leaving;
  for (const ReplicaId id : node.replicas) {
    const Replica& replica = model.replicas.at(id);
    if (replica.state == ReplicaState::kDraining || replica.state == ReplicaState::kStopping) {
      leaving = leaving + replica.record.reserved;
    }
  }
  return leaving;
}

int64_t PlacedCount(const Service& service) {
  int64_t placed = 0;
  for (const ReplicaState state : kAllReplicaStates) {
    if (IsActive(state) && state != ReplicaState::kPending) {
      placed += service.in_state.at(static_cast<size_t>(state));
    }
  }
  return placed;
}

const Service* KeptFor(const Model& model, const Service& service, const Node& node) {
  if (model.short_of_room.empty() || !service.spec->autoscale ||
      PlacedCount(service) < service.spec->autoscale->min) {
    return nullptr;
  }
  for (const ServiceKey& key : model.short_of_room) {
    auto found = model.services.find(key);
    if (found == model.services.end() || !found->second.spec || found->second.retired ||
        found->second.spec->priority <= service.spec->priority) {
      continue;
    }
    const Service& other = found->second;
    const Resources room = node.record.capacity - node.reserved + LeavingRoom(model, node);
    if (Fits(model.ReservationOf(other), room) &&
        ExcludeByKind(model, other, node, Has::kCounts).rule == NodeRule::kNone) {
      return &other;
    }
  }
  return nullptr;
}

}  // namespace drover::controller
