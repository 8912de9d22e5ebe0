// What must be true of everything that a core gives out, whatever it was told. Knows the store and the
// agents' words, shares no code with the core but the decision engine, whose evaluations it repeats.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "controller/core/autoscale/replay.h"
#include "controller/core/ready.h"
#include "tests/fuzz/step_reports.h"
#include "tests/support/core_cluster.h"

namespace drover::fuzz {

class StepChecks {
 public:
  // Changes are legal on `store` as it is before them: steps of replicas (R3.1), nodes of ids (R3.2), ids
  // never used twice, counts within their bounds (R3.3).
  void OnChanges(const controller::Ready& ready, const controller::FakeStore& store);
  // Each evaluation is finite, within its bounds, not down on partial knowledge (R4.2), and the same when
  // repeated.
  void OnHistory(const controller::Ready& ready);
  // With the changes stored: orders go to streams that are there, name replicas of that node, stop only what
  // the store says is to stop (R1.3), and are of this epoch (R1.2).
  void OnOrders(const controller::Ready& ready, const controller::FakeStore& store, Epoch epoch,
                const std::map<NodeId, Peer>& peers);
  // No more replicas on nodes that are not lost than max + surge (R3.3). For a core that may decide.
  void OnView(const controller::View& view);

 private:
  void OnReplica(const controller::ReplicaRecord& record, const controller::FakeStore& store);
  void OnService(const controller::ServiceRecord& record);
  void OnAssignment(const controller::Assignment& assignment, const NodeId& node,
                    const controller::FakeStore& store, Epoch epoch);

  std::map<std::string, controller::StackSpec> stacks_;
  std::map<ReplicaId, NodeId> node_of_;
  std::set<ReplicaId> gone_;
  std::map<ServiceKey, controller::Replayer> replayers_;
};

}  // namespace drover::fuzz
