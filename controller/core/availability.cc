#include "controller/core/availability.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/core/drain.h"
#include "controller/core/place.h"

namespace drover::controller {
namespace {

// Wall time may be set forward: a distant end is looked at now and then.
constexpr Duration kLongestLook = absl::Hours(1);

void LookAt(Model& model, const Node& node, absl::Time wall) {
  model.WakeAt({TimerKey::Kind::kAvailability, node.record.id.value(), ""},
               model.now + std::min(wall - model.wall, kLongestLook));
}

void ReviewServicesOn(Model& model, const Node& node) {
  for (const ReplicaId id : node.replicas) {
    model.ReviewService(model.replicas.at(id).record.service);
  }
}

std::vector<ReplicaId> ByServiceAndNumber(const Model& model, const Node& node) {
  std::vector<ReplicaId> ids(node.replicas.begin(), node.replicas.end());
  std::sort(ids.begin(), ids.end(), [&model](ReplicaId a, ReplicaId b) {
    const ReplicaRecord& first = model.replicas.at(a).record;
    const ReplicaRecord& second = model.replicas.at(b).record;
    return std::tie(first.service, first.number, first.id) <
           std::tie(second.service, second.number, second.id);
  });
  return ids;
}

// Its process is there, or may be, and nothing has taken its place.
bool IsThere(const Replica& replica) {
  const bool replaced = replica.state == ReplicaState::kLost && replica.record.superseded;
  return replica.state != ReplicaState::kCompleted && replica.state != ReplicaState::kFailed && !replaced;
}

std::string WhyStill(const Model& model, const Service& service, const Replica& replica) {
  if (replica.state == ReplicaState::kDraining || replica.state == ReplicaState::kStopping) {
    return absl::StrCat("is ", std::string(ToString(replica.state)));
  }
  if (replica.state == ReplicaState::kLost) {
    return "its node is away";
  }
  for (const ReplicaId id : service.replicas) {
    const Replica& other = model.replicas.at(id);
    if (other.state == ReplicaState::kPending && !other.waiting.empty()) {
      return absl::StrCat("no other node takes it: ", other.waiting);
    }
  }
  return "waits until another one is ready elsewhere";
}

// Has all left that can? Names what stays.
bool IsEmpty(const Model& model, const Node& node, std::vector<std::string>* staying) {
  for (const ReplicaId id : node.replicas) {
    const Replica& replica = model.replicas.at(id);
    const Service& service = model.services.at(replica.record.service);
    if (!IsThere(replica)) {
      continue;
    }
    if (!service.spec || !service.spec->pinned()) {
      return false;
    }
    staying->push_back(Model::ContainerName(replica));
  }
  std::sort(staying->begin(), staying->end());
  return true;
}

void TellWhenEmpty(Model& model, Node& node) {
  std::vector<std::string> staying;
  if (node.empty_told || !IsEmpty(model, node, &staying)) {
    return;
  }
  node.empty_told = true;
  const std::string name = model.NodeName(node.record.id);
  model.Tell(
      {"node",
       "NodeDrained",
       staying.empty()
           ? absl::StrCat(name, " holds no replica any more")
           : absl::StrCat(name, " holds only what keeps its data there: ", absl::StrJoin(staying, ", ")),
       {},
       {},
       node.record.id});
}

}  // namespace

bool IsEmptying(const NodeRecord& record) {
  return record.availability == NodeAvailability::kDraining ||
         record.availability == NodeAvailability::kMaintenance;
}

std::string AvailabilityReason(const Service& service, const Node& node) {
  const bool at_home = service.spec && service.spec->pinned() && service.record.data_node == node.record.id;
  switch (node.record.availability) {
    case NodeAvailability::kActive:
      return "";
    case NodeAvailability::kCordoned:
      return at_home ? "" : "cordoned";
    case NodeAvailability::kDraining:
      return at_home ? "" : "draining";
    case NodeAvailability::kMaintenance:
      return "in maintenance";
  }
  return "";
}

std::string StayReason(const ServiceSpec& spec) {
  if (spec.pinned()) {
    return absl::StrCat("keeps its data there (", spec.local_data.front(), ")");
  }
  return spec.task ? "is a task, which runs to its end" : "";
}

bool MustLeave(const Model& model, const Service& service, const Replica& replica) {
  return model.emptying.contains(replica.record.node) && service.spec && IsActive(replica.state) &&
         StayReason(*service.spec).empty();
}

std::string AvailabilityText(const NodeRecord& record) {
  const auto until = [](const char* what, const std::optional<absl::Time>& end) {
    return end ? absl::StrCat(what, " until ",
                              absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", *end, absl::UTCTimeZone()))
               : std::string(what);
  };
  switch (record.availability) {
    case NodeAvailability::kActive:
      return "";
    case NodeAvailability::kCordoned:
      return "cordoned";
    case NodeAvailability::kDraining:
      return "draining";
    case NodeAvailability::kMaintenance:
      return until("in maintenance", record.available_at);
  }
  return "";
}

void StopOverdue(Model& model, Service& service) {
  const std::vector<ReplicaId> ids(service.replicas.begin(), service.replicas.end());
  for (const ReplicaId id : ids) {
    const Replica& replica = model.replicas.at(id);
    const Node* node = model.FindNode(replica.record.node);
    const bool draining = replica.state == ReplicaState::kDraining;
    if (node == nullptr || !IsEmptying(node->record) || !node->record.drain_deadline ||
        model.wall < *node->record.drain_deadline || service.spec->pinned() || replica.record.forced ||
        !(IsActive(replica.state) || draining)) {
      continue;
    }
    const bool has_reason = draining && !replica.record.reason.empty();
    BeginStop(model, id,
              {.reason = has_reason ? replica.record.reason : "NodeDrained",
               .forced = true,
               .operator_change = true,
               .remove_volumes = replica.record.remove_volumes});
  }
}

void SetAvailability(Model& model, Node& node, const Availability& word) {
  NodeRecord& record = node.record;
  record.availability = word.availability;
  record.drain_deadline = word.drain_deadline;
  record.available_at = word.available_at;
  record.availability_note = word.note;
  if (IsEmptying(record)) {
    model.emptying.insert(record.id);
  } else {
    model.emptying.erase(record.id);
  }
  node.empty_told = !IsEmptying(record);
  model.TouchRecord(node);
  model.ShowNode(record.id);
  model.NodesChanged();
  ReviewServicesOn(model, node);
  model.WakeAt({TimerKey::Kind::kAvailability, record.id.value(), ""}, model.now);
}

void ReviewAvailability(Model& model, Node& node) {
  const NodeRecord& record = node.record;
  if (!IsEmptying(record)) {
    return;
  }
  if (record.available_at && *record.available_at <= model.wall) {
    SetAvailability(model, node, {});
    const bool back = node.status == NodeStatus::kUp;
    model.Tell(
        {"node",
         "MaintenanceOver",
         absl::StrCat(model.NodeName(record.id), back ? " takes replicas again" : " has not come back"),
         {},
         {},
         record.id,
         !back});
    return;
  }
  if (record.available_at) {
    LookAt(model, node, *record.available_at);
  }
  if (record.drain_deadline && model.wall < *record.drain_deadline) {
    LookAt(model, node, *record.drain_deadline);
  } else if (record.drain_deadline) {
    ReviewServicesOn(model, node);
  }
  TellWhenEmpty(model, node);
}

void ResumeAvailability(Model& model, Node& node) {
  std::vector<std::string> staying;
  node.empty_told = !IsEmptying(node.record) || IsEmpty(model, node, &staying);
  ReviewAvailability(model, node);
}

std::vector<NodeMove> MovesLeft(const Model& model, const Node& node) {
  std::vector<NodeMove> moves;
  if (!IsEmptying(node.record)) {
    return moves;
  }
  for (const ReplicaId id : ByServiceAndNumber(model, node)) {
    const Replica& replica = model.replicas.at(id);
    const Service& service = model.services.at(replica.record.service);
    if (!IsThere(replica)) {
      continue;
    }
    NodeMove& move = moves.emplace_back();
    move.replica = id;
    const bool leaves = replica.state == ReplicaState::kDraining || replica.state == ReplicaState::kStopping;
    move.stays = !leaves && service.spec && !StayReason(*service.spec).empty();
    move.why = move.stays ? StayReason(*service.spec) : WhyStill(model, service, replica);
  }
  return moves;
}

std::vector<NodeMove> ForeseeEmptying(const Model& model, const NodeId& id, NodeAvailability availability) {
  Model copy = model;
  Node& node = copy.nodes.at(id);
  SetAvailability(copy, node, {.availability = availability});
  std::vector<NodeMove> moves;
  for (const ReplicaId replica : ByServiceAndNumber(copy, node)) {
    Service& service = copy.services.at(copy.replicas.at(replica).record.service);
    if (!IsActive(copy.replicas.at(replica).state) || !service.spec || service.retired) {
      continue;
    }
    NodeMove& move = moves.emplace_back();
    move.replica = replica;
    move.why = StayReason(*service.spec);
    move.stays = !move.why.empty();
    if (move.stays) {
      continue;
    }
    Placement placement = Placer(copy, service).Best();
    move.to = placement.node;
    if (placement.node.value().empty()) {
      move.why = absl::StrCat("no other node takes it: ", placement.excluded);
      continue;
    }
    copy.Bind(copy.AddReplica(service, copy.FreeNumber(service)), copy.nodes.at(placement.node),
              std::move(placement.ports));
  }
  return moves;
}

}  // namespace drover::controller
