// The hard rules of placement: what a node must be, have and have room for to take one more replica of a
// service. Each "no" is a value with its reason, so that thousands of nodes can be told in one line.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "controller/core/model.h"

namespace drover::controller {

// In the order in which they are looked at; a node is left out by the first that says no.
enum class NodeRule {
  kNone,          // none says no
  kItsData,       // R7.1
  kLiveness,      // R2.3
  kAvailability,  // an operator's word
  kConstraint,    // deploy.placement.constraints
  kPerNode,       // max_replicas_per_node; one of a global service
  kHostPort,      // mode: host
  kCpu,           // room by reservation (R3.5)
  kMemory,
  kPortRange,  // for routed ports (R6.2)
  kKept,       // its room is being given to a service of higher priority (R10.3)
};

struct Exclusion {
  NodeRule rule = NodeRule::kNone;
  std::string text;    // of other rules than kCpu, kMemory: "lost", "host port 53 is taken"
  int64_t free = 0;    // of kCpu, kMemory: milli-CPU or bytes
  int64_t wanted = 0;  // the same; of one replica
  bool assumed = false;

  // Only for want of room.
  bool short_of_room() const { return rule == NodeRule::kCpu || rule == NodeRule::kMemory; }
};

// Why `node` cannot take one more replica of the newest spec of `service`.
Exclusion Exclude(const Model& model, const Service& service, const Node& node);

// The same, but for what it has of the service already: for a replica that takes another's place there.
Exclusion ExcludeBeside(const Model& model, const Service& service, const Node& node);

// "0.2 CPU free, 0.5 CPU wanted"; empty: it is not excluded.
std::string ToText(const Exclusion& exclusion);

// Empty when `node` can take one more replica, else the reason. Shared with admission.
std::string WhyNot(const Model& model, const Service& service, const Node& node);

// All nodes that are left out: each for itself where there are few; else equal reasons together, the most
// frequent first: "812 nodes: at most 0.2 CPU free, 1 CPU wanted; b, c: lost".
std::string GroupedText(const Model& model, std::vector<std::pair<NodeId, Exclusion>> excluded);

// What the node is by that name (common/node_attribute.h); absent: it has no such label.
std::optional<absl::string_view> AttributeOf(const Node& node, absl::string_view attribute);

// The first constraint that the node does not meet; null: it meets all. A label that it lacks differs from
// every value.
const ConstraintSpec* Unmet(const ServiceSpec& spec, const Node& node);

// The replica is where it may not be by its service's constraints or max_replicas_per_node of today; it
// is replaced as one of a former spec is. Never of those whose data is there (R7.1), nor of tasks.
bool IsMisplaced(const Model& model, const Service& service, const Replica& replica);

// What leaves the node by itself: the reservations of draining and stopping replicas.
Resources LeavingRoom(const Model& model, const Node& node);

// The service of higher priority that has replicas without room and for which this node's room will do, what
// is leaving it included; null: none, or `service` has no more than its min (R10.3).
const Service* KeptFor(const Model& model, const Service& service, const Node& node);

// The replicas of a service that are on a node and neither leaving nor lost.
int64_t PlacedCount(const Service& service);

// "0.25 CPU", "2 CPU".
std::string CpuText(MilliCpu cpu);
// "128 MiB".
std::string MemoryText(Bytes memory);

}  // namespace drover::controller
