#include "controller/core/admit.h"

#include <algorithm>

namespace drover::controller {

bool AdmitStop(Model& model, Node& node, const Replica& replica) {
  if (replica.record.operator_change) {
    return true;
  }
  size_t held = 0;
  size_t removing = 0;
  for (const ReplicaId id : node.replicas) {
    const Replica& other = model.replicas.at(id);
    const bool stopping = other.state == ReplicaState::kStopping;
    if (stopping && other.record.operator_change) {
      continue;
    }
    // What the agent never spoke of may be unknown to it, and does not count in its own arithmetic.
    if (!stopping && !other.reported) {
      continue;
    }
    ++held;
    removing += stopping ? 1 : 0;
  }
  if (removing + 1 <= std::max<size_t>(2, held / 2)) {
    return true;
  }
  node.waiting_to_stop.insert(replica.record.service);
  return false;
}

}  // namespace drover::controller
