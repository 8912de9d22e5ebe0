// Stopping without loss (R5, R6.1): out of the balancers, confirmed, then into the node's `remove`
// list. And back again, as long as it is only draining (R3.1).
#pragma once

#include <set>
#include <string>

#include "controller/core/model.h"

namespace drover::controller {

struct StopOrder {
  std::string reason;            // CamelCase: ScaleDown, Replaced, StackRemoved …
  bool forced = false;           // goes on after drain_timeout (R5.3)
  bool operator_change = false;  // exempt from the mass removal cap (R1.4)
  bool remove_volumes = false;
};

// Starts to stop a replica in whatever state it is; stopping ones stay as they are. A pending one is
// erased at once (invalidates references to it).
void BeginStop(Model& model, ReplicaId id, const StopOrder& order);

// Moves a draining replica on when it may go on; else adds why not to `service.blocked` where it has
// lasted long enough (R5.3), and arms the timer of the next look.
void ReviewDrain(Model& model, Service& service, Replica& replica);

// draining → what the agent reports.
void Recall(Model& model, Replica& replica);

// The edges that route to the service, silent ones included (R6.3).
std::vector<NodeId> EdgesOf(const Model& model, const ServiceSpec& spec);
// The edge called `name` serves at least one of these.
bool ServesAny(const std::vector<ListenerSpec>& listeners, const std::string& name);
// Not by those that are for consumers that pull.
bool ServesListener(const ListenerSpec& listener, const std::string& name);

// The consumers that pull the service.
std::set<std::string> ConsumersOf(const ServiceSpec& spec);

// Folds in what a consumer has; names that no route of the service knows are ignored.
void NoteConsumer(Model& model, const ConsumerApplied& event);

// Folds the newest edge report of `edge` into the drains of `service`: one more read.
void NoteEdgeRead(Model& model, Service& service, const Node& edge);

}  // namespace drover::controller
