#include "controller/core/global.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controller/core/drain.h"
#include "controller/core/node_rules.h"
#include "controller/core/plan.h"
#include "controller/core/ports.h"
#include "controller/core/rollout.h"
#include "controller/core/room.h"

namespace drover::controller {
namespace {

// What one node has of the service.
struct Held {
  std::vector<ReplicaId> current;  // active, of the newest spec; ready ones first, then by number
  std::vector<ReplicaId> old;      // active, of another spec
  std::vector<ReplicaId> leaving;  // draining or stopping
  std::vector<ReplicaId> failed;
  bool ready = false;  // the first of `current`

  bool active() const { return !current.empty() || !old.empty(); }
};

class GlobalReview {
 public:
  GlobalReview(Model& model, Service& service)
      : model_(model), service_(service), spec_(*service.spec), need_(model.ReservationOf(service)) {}

  void Run() {
    Survey();
    SetDesired();
    StopWhatMayNotBe();
    RollOut();
    Start();
    TellShort();
  }

 private:
  void Survey() {
    const std::vector<ReplicaId> ids(service_.replicas.begin(), service_.replicas.end());
    for (const ReplicaId id : ids) {
      const Replica& replica = model_.replicas.at(id);
      if (replica.state == ReplicaState::kPending) {
        model_.Erase(id);  // from when the service had a count
        continue;
      }
      Held& held = held_[replica.record.node];
      if (IsActive(replica.state) || IsAwaited(replica)) {
        (Model::IsCurrent(service_, replica) ? held.current : held.old).push_back(id);
      } else if (replica.state == ReplicaState::kDraining || replica.state == ReplicaState::kStopping) {
        held.leaving.push_back(id);
      } else if (replica.state == ReplicaState::kFailed) {
        held.failed.push_back(id);
      }
    }
    for (auto& [id, held] : held_) {
      std::sort(held.current.begin(), held.current.end(), [this](ReplicaId a, ReplicaId b) {
        const auto key = [this](ReplicaId replica_id) {
          const Replica& replica = model_.replicas.at(replica_id);
          return std::pair(replica.state != ReplicaState::kReady, replica.record.number);
        };
        return key(a) < key(b);
      });
      held.ready =
          !held.current.empty() && model_.replicas.at(held.current.front()).state == ReplicaState::kReady;
    }
  }

  // Its node is back and has not told yet what became of it.
  bool IsAwaited(const Replica& replica) const {
    return replica.state == ReplicaState::kLost && !replica.record.superseded &&
           model_.nodes.at(replica.record.node).status != NodeStatus::kLost;
  }

  // May have one, now or as soon as there is room. A node that was never heard keeps what the store says.
  bool MayHave(const Node& node) {
    const auto found = held_.find(node.record.id);
    const bool has = found != held_.end() && found->second.active();
    if (node.status == NodeStatus::kLost || (node.status == NodeStatus::kNeverSeen && !has)) {
      return false;
    }
    if (Unmet(spec_, node) != nullptr) {
      return false;
    }
    switch (node.record.availability) {
      case NodeAvailability::kActive:
        return has || Fits(need_, node.record.capacity);
      case NodeAvailability::kCordoned:
        return has;
      case NodeAvailability::kDraining:
      case NodeAvailability::kMaintenance:
        return false;
    }
    return false;
  }

  void SetDesired() {
    for (const auto& [id, node] : model_.nodes) {
      if (MayHave(node)) {
        eligible_.push_back(id);
      }
    }
    const auto desired = static_cast<int64_t>(eligible_.size());
    if (desired == service_.record.desired) {
      return;
    }
    model_.Tell({"decision",
                 "NodesChanged",
                 absl::StrCat(ToString(service_.key), " ", service_.record.desired, " → ", desired,
                              ": one on every node that may have it"),
                 service_.key,
                 {},
                 {}});
    service_.record.desired = desired;
    model_.TouchRecord(service_);
    model_.BackendsChanged(service_.key);
  }

  void StopWhatMayNotBe() {
    for (auto& [id, held] : held_) {
      const Node& node = model_.nodes.at(id);
      if (held.active() && node.status == NodeStatus::kUp &&
          !std::binary_search(eligible_.begin(), eligible_.end(), id)) {
        StopOn(node, held);
      }
      while (held.current.size() > 1) {
        Stop(held.current.back(), {.reason = "ScaleDown", .operator_change = true});
        held.current.pop_back();
      }
    }
  }

  void StopOn(const Node& node, Held& held) {
    const bool by_node = node.record.availability != NodeAvailability::kActive;
    StopOrder order{.reason = by_node ? "NodeDrained" : "Misplaced", .operator_change = true};
    if (const auto deadline = node.record.drain_deadline; by_node && deadline) {
      order.forced = model_.wall >= *deadline;
      if (!order.forced) {
        model_.WakeService(service_.key, model_.now + (*deadline - model_.wall));
      }
    }
    for (const std::vector<ReplicaId>* ids : {&held.current, &held.old, &held.leaving}) {
      for (const ReplicaId replica : *ids) {
        Stop(replica, order);
      }
    }
    held = Held();
  }

  void Stop(ReplicaId id, const StopOrder& order) { BeginStop(model_, id, order); }

  // One node after the other; what was started or stopped for the newest spec must be ready first.
  void RollOut() {
    bool under_way = false;
    for (const NodeId& id : eligible_) {
      Held& held = held_[id];
      if (held.ready) {
        for (const ReplicaId old : std::exchange(held.old, {})) {
          Stop(old, {.reason = "Replaced", .operator_change = true});
        }
      }
      const bool waits = held.current.empty() ? held.old.empty() : !held.ready;
      under_way = under_way || (waits && model_.nodes.at(id).up() && !IsShort(id));
    }
    for (const NodeId& id : eligible_) {
      Held& held = held_[id];
      const Node& node = model_.nodes.at(id);
      if (under_way || held.old.empty() || !held.current.empty() || !node.up() ||
          node.record.availability != NodeAvailability::kActive) {
        continue;
      }
      under_way = true;
      if (StopsFirst(spec_) || ExcludeBeside(model_, service_, node).rule != NodeRule::kNone) {
        for (const ReplicaId old : std::exchange(held.old, {})) {
          Stop(old, {.reason = "Replaced", .operator_change = true});
          held.leaving.push_back(old);
        }
      } else {
        wanted_.push_back(id);
      }
    }
  }

  bool IsShort(const NodeId& id) {
    const Exclusion exclusion = ExcludeBeside(model_, service_, model_.nodes.at(id));
    return held_[id].leaving.empty() && exclusion.rule != NodeRule::kNone;
  }

  // Why nothing may be started now; empty: it may.
  std::string Gate() {
    if (std::string gate = GateOf(model_, service_, Count(model_, service_)); !gate.empty()) {
      model_.gated[service_.key.stack].insert(service_.key);
      return gate;
    }
    if (service_.failures > 0 && model_.now < service_.retry_at) {
      model_.WakeService(service_.key, service_.retry_at);
      return FailureText(model_, service_);
    }
    return "";
  }

  void Start() {
    for (const NodeId& id : eligible_) {
      const Held& held = held_[id];
      const bool in_turn = held.leaving.empty() || !StopsFirst(spec_);
      if (!held.active() && in_turn) {
        wanted_.push_back(id);
      }
    }
    if (wanted_.empty()) {
      return;
    }
    if (std::string gate = Gate(); !gate.empty()) {
      service_.blocked.push_back(std::move(gate));
      return;
    }
    for (const NodeId& id : wanted_) {
      StartOn(model_.nodes.at(id));
    }
  }

  void StartOn(Node& node) {
    Held& held = held_[node.record.id];
    for (const ReplicaId id : held.leaving) {
      Replica& replica = model_.replicas.at(id);
      if (CanBeRecalled(model_, service_, replica)) {
        Recall(model_, replica);
        return;
      }
    }
    Exclusion exclusion = ExcludeBeside(model_, service_, node);
    if (exclusion.rule != NodeRule::kNone) {
      short_.emplace_back(node.record.id, std::move(exclusion));
      return;
    }
    for (const ReplicaId failed : std::exchange(held.failed, {})) {
      Stop(failed, {.reason = "Replaced", .operator_change = true});
    }
    Replica& replica = model_.AddReplica(service_, model_.FreeNumber(service_));
    model_.Bind(replica, node, *HandOutPorts(model_, node, spec_));
    model_.TellReplica(replica, "ReplicaPlaced",
                       absl::StrCat(Model::ContainerName(replica), " → ", model_.NodeName(node.record.id),
                                    " (mode: global)"));
  }

  void TellShort() {
    const auto for_room = std::count_if(short_.begin(), short_.end(),
                                        [](const auto& entry) { return entry.second.short_of_room(); });
    NoteShortOfRoom(model_, service_, for_room > 0);
    if (short_.empty()) {
      return;
    }
    model_.waiting_for_room.insert(service_.key);
    service_.blocked.push_back(absl::StrCat("pending: ", short_.size(), " of ", eligible_.size(),
                                            " nodes do not take it now: ", GroupedText(model_, short_)));
    std::string room = TakeRoom(model_, service_, for_room, short_);
    if (!room.empty()) {
      service_.blocked.push_back(std::move(room));
    }
  }

  Model& model_;
  Service& service_;
  const ServiceSpec& spec_;
  const Resources need_;
  std::map<NodeId, Held> held_;
  std::vector<NodeId> eligible_;  // ascending
  std::vector<NodeId> wanted_;    // start one there
  std::vector<std::pair<NodeId, Exclusion>> short_;
};

}  // namespace

void ReviewGlobal(Model& model, Service& service) {
  model.global.insert(service.key);
  GlobalReview(model, service).Run();
}

}  // namespace drover::controller
