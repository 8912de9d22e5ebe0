// What an operator's word on a node (cordon, drain, maintenance) means for replicas: which may come,
// which must leave, which stay, and what happens when the time that was given is over. Leaving itself
// is the business of plan.cc: what must leave gives way to another one like a replica of a former spec.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/core/model.h"

namespace drover::controller {

// Draining or in maintenance.
bool IsEmptying(const NodeRecord& record);

// Why the node takes no replica of the service: "cordoned", "draining", "in maintenance"; empty: it does.
// What keeps its data there has no other place, so that only maintenance keeps it away (R7.1).
std::string AvailabilityReason(const Service& service, const Node& node);

// Why a replica of the service stays on a node that empties: its data, or that it is a task; empty: it
// leaves.
std::string StayReason(const ServiceSpec& spec);

// The replica is wanted, on a node that empties, and can live elsewhere.
bool MustLeave(const Model& model, const Service& service, const Replica& replica);

// "in maintenance until 2026-11-23T15:04:00Z".
std::string AvailabilityText(const NodeRecord& record);

// Stops those of the service whose node should have been empty by now (R5.3: forced). Data stays all the
// same.
void StopOverdue(Model& model, Service& service);

// What an operator says of a node.
struct Availability {
  NodeAvailability availability = NodeAvailability::kActive;
  std::optional<absl::Time> drain_deadline = {};  // as in NodeRecord
  std::optional<absl::Time> available_at = {};
  std::string note = {};
};

// From now on it holds.
void SetAvailability(Model& model, Node& node, const Availability& word);

// Ends maintenance whose time is over, has replicas stopped that are overdue, tells when a node has become
// empty, and arms the timer of the next look.
void ReviewAvailability(Model& model, Node& node);

// The same after a restart of the controller: what was told before is not told again.
void ResumeAvailability(Model& model, Node& node);

// While the node empties: what is still there, and why. By service and number.
std::vector<NodeMove> MovesLeft(const Model& model, const Node& node);

// What emptying the node would do now to each replica there: where another one would start, or why none does.
// Each takes its room from those after it. By service and number. Changes nothing.
std::vector<NodeMove> ForeseeEmptying(const Model& model, const NodeId& id, NodeAvailability availability);

}  // namespace drover::controller
