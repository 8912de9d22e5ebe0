// The controller's durable state, in memory: what survives its crashes. A batch is applied whole or
// not at all; the crash points are between batches (controller_host.cc).
#pragma once

#include <map>
#include <vector>

#include "controller/core/record.h"

namespace drover::sim {

struct Store {
  ClusterId cluster;
  Epoch epoch;
  std::map<std::string, controller::StackRecord> stacks;
  std::map<ServiceKey, controller::ServiceRecord> services;
  std::map<ReplicaId, controller::ReplicaRecord> replicas;
  std::map<NodeId, controller::NodeRecord> nodes;
  controller::ClusterRecord whole;

  void Apply(const std::vector<controller::StoreChange>& changes);
  controller::StoredState State() const;
};

}  // namespace drover::sim
