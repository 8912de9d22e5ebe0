// Who is stopped first, by what is known of its work (R5.1).
#include <algorithm>
#include <tuple>

#include "controller/core/plan.h"
#include "controller/core/rollout.h"
#include "controller/core/signals.h"

namespace drover::controller {

std::optional<int64_t> BusyOf(const Model& model, const Service& service, const Replica& replica) {
  std::optional<int64_t> busy;
  if (replica.sample && replica.sample->busy && service.spec) {
    const Duration interval = service.spec->autoscale ? service.spec->autoscale->interval : absl::Seconds(1);
    if (model.now - replica.sampled <= FreshFor(std::max(interval, model.options.report_interval))) {
      busy = replica.sample->busy;
    }
  }
  for (const NodeId& edge : model.edges) {
    const Node& node = model.nodes.at(edge);
    for (const BackendSet& set : service.sets) {
      auto status = node.edge_sets.find(set.handle);
      if (!node.up() || status == node.edge_sets.end()) {
        continue;
      }
      for (const EdgeServer& server : status->second.servers) {
        if (server.replica == replica.record.id) {
          busy = busy.value_or(0) + server.in_flight;
        }
      }
    }
  }
  return busy;
}

std::vector<ReplicaId> StopOrderOf(const Model& model, const Service& service) {
  struct Candidate {
    int64_t rank = 0;  // smaller goes first
    int64_t busy = 0;
    int64_t neighbours = 0;
    Instant since;
    ReplicaId id;
  };

  std::map<NodeId, int64_t> on_node;
  std::vector<Candidate> candidates;
  for (const ReplicaId id : service.replicas) {
    const Replica& replica = model.replicas.at(id);
    const bool waits = replica.state == ReplicaState::kLost && !replica.record.superseded;
    const bool ended = replica.state == ReplicaState::kCompleted;
    if (!IsActive(replica.state) && !waits && !ended) {
      continue;
    }
    ++on_node[replica.record.node];
    Candidate candidate;
    candidate.id = id;
    candidate.since = replica.since;
    const std::optional<int64_t> busy = BusyOf(model, service, replica);
    if (replica.state == ReplicaState::kPending) {
      candidate.rank = -1;
    } else if (waits || ended) {
      candidate.rank = 0;
    } else if (IsStarting(replica.state)) {
      candidate.rank = 1;
    } else if (replica.state != ReplicaState::kReady) {
      candidate.rank = 2;
    } else if (busy == 0) {
      candidate.rank = 3;
    } else if (!busy) {
      candidate.rank = 4;
    } else {
      candidate.rank = 5;
      candidate.busy = *busy;
    }
    if (candidate.rank > 0 && GivesWay(model, service, replica).empty()) {
      candidate.rank += 10;
    }
    candidates.push_back(candidate);
  }
  std::vector<ReplicaId> order;
  while (!candidates.empty()) {
    // Each choice changes how crowded the nodes are, hence one at a time.
    for (Candidate& candidate : candidates) {
      candidate.neighbours = on_node[model.replicas.at(candidate.id).record.node];
    }
    auto first =
        std::min_element(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
          return std::tuple(a.rank, a.busy, -a.neighbours, b.since, a.id) <
                 std::tuple(b.rank, b.busy, -b.neighbours, a.since, b.id);
        });
    --on_node[model.replicas.at(first->id).record.node];
    order.push_back(first->id);
    candidates.erase(first);
  }
  return order;
}

}  // namespace drover::controller
