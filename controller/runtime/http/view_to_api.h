// Snapshots of the core as messages of the API. Pure functions; `view` gives names of nodes and the time
// that ages are counted to.
#pragma once

#include "controller/core/ready.h"
#include "controller/core/view.h"
#include "drover/v1/api.pb.h"

namespace drover::controller {

v1::Service ServiceToApi(const ServiceView& service, const View& view);
v1::Replica ReplicaToApi(const ReplicaView& replica, const ServiceView& service, const View& view);
// A replica that failed and is gone, as far as it is remembered (R3.6).
v1::Replica FailureToApi(const FailureRecord& failure, const ServiceKey& service, const View& view);
v1::Stack StackToApi(const StackView& stack, const View& view);
// Without replica_list and moves.
v1::Node NodeToApi(const NodeView& node, const View& view);
v1::NodeMove MoveToApi(const NodeMove& move, const View& view);
v1::Decision DecisionToApi(const Decision& decision);
v1::Event EventToApi(const EventRecord& event);
v1::Plan PlanToApi(const Plan& plan);
v1::StuckCall StuckToApi(const StuckCall& stuck);
v1::Orphan OrphanToApi(const FoundReplica& found, const NodeView& node);

}  // namespace drover::controller
