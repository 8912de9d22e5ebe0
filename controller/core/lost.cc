#include "controller/core/lost.h"

#include "absl/strings/str_cat.h"
#include "controller/core/availability.h"
#include "controller/core/drain.h"
#include "controller/core/liveness.h"
#include "controller/core/place.h"
#include "controller/core/rollout.h"

namespace drover::controller {
namespace {

std::vector<ReplicaId> IdsOf(const Service& service) {
  return {service.replicas.begin(), service.replicas.end()};
}

// A node in maintenance is expected back: what stayed there because nothing else would take it, waits for it.
bool WaitsForMaintenance(Model& model, Service& service, const Replica& replica) {
  const Node& node = model.nodes.at(replica.record.node);
  if (node.record.availability != NodeAvailability::kMaintenance) {
    return false;
  }
  const bool stays = !StayReason(*service.spec).empty();
  if (!stays && !Placer(model, service).Best().node.value().empty()) {
    return false;
  }
  if (!stays) {
    model.waiting_for_room.insert(service.key);
  }
  service.blocked.push_back(absl::StrCat("InMaintenance: ", Model::ContainerName(replica), " waits for ",
                                         model.NodeName(node.record.id), ", which is ",
                                         AvailabilityText(node.record)));
  return true;
}

int64_t WaitingLost(const Model& model, const Service& service) {
  int64_t lost = 0;
  for (const ReplicaId id : service.replicas) {
    const Replica& replica = model.replicas.at(id);
    lost += replica.state == ReplicaState::kLost && !replica.record.superseded ? 1 : 0;
  }
  return lost;
}

void Supersede(Model& model, Service& service, Replica& replica) {
  replica.record.superseded = true;
  replica.record.reason = "Superseded";
  model.TouchRecord(replica);
  service.input_changed = true;
  model.ReviewService(service.key);
  model.ShowService(service.key);
  model.TellReplica(replica, "ReplicaReplaced",
                    absl::StrCat(Model::ContainerName(replica), " on ", model.NodeName(replica.record.node),
                                 " is replaced and will be stopped when the node is back"));
}

}  // namespace

bool WaitsToBeReplaced(const Model& model, const Replica& replica) {
  if (replica.state != ReplicaState::kLost || replica.record.superseded) {
    return false;
  }
  const Service& service = model.services.at(replica.record.service);
  const Node& node = model.nodes.at(replica.record.node);
  return !service.spec || (!service.spec->global && StayReason(*service.spec).empty() &&
                           node.record.availability != NodeAvailability::kMaintenance);
}

void StopReturned(Model& model, Service& service) {
  if (service.in(ReplicaState::kLost) == 0) {
    return;
  }
  for (const ReplicaId id : IdsOf(service)) {
    const Replica& replica = model.replicas.at(id);
    if (replica.state == ReplicaState::kLost && replica.record.superseded &&
        model.nodes.at(replica.record.node).up()) {
      BeginStop(model, id,
                {.reason = replica.record.reason.empty() ? "Superseded" : replica.record.reason,
                 .forced = true,
                 .operator_change = replica.record.operator_change,
                 .remove_volumes = replica.record.remove_volumes});
    }
  }
}

void ReplaceLost(Model& model, Service& service) {
  if (service.in(ReplicaState::kLost) == 0) {
    return;
  }
  for (const ReplicaId id : IdsOf(service)) {
    Replica& replica = model.replicas.at(id);
    if (replica.state != ReplicaState::kLost || replica.record.superseded ||
        WaitsForMaintenance(model, service, replica)) {
      continue;
    }
    std::string why;
    const std::optional<Instant> at = ReplaceAt(model, service, replica, &why);
    if (!at || model.now < *at) {
      service.blocked.push_back(why);
      if (at) {
        model.WakeService(service.key, *at);
      }
      continue;
    }
    const int64_t active = Count(model, service).active;
    if (active <= service.record.desired &&
        !AdmitReplacement(model, service, active - WaitingLost(model, service))) {
      service.blocked.push_back(
          absl::StrCat("MassLossHold: ", Model::ContainerName(replica),
                       " is not replaced yet, because many nodes fell silent together"));
      continue;
    }
    Supersede(model, service, replica);
  }
}

}  // namespace drover::controller
