#include "controller/core/plan.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "controller/core/autoscale/conditions.h"
#include "controller/core/availability.h"
#include "controller/core/drain.h"
#include "controller/core/freeze.h"
#include "controller/core/global.h"
#include "controller/core/health.h"
#include "controller/core/kept_room.h"
#include "controller/core/liveness.h"
#include "controller/core/lost.h"
#include "controller/core/place.h"
#include "controller/core/rollout.h"
#include "controller/core/room.h"
#include "controller/core/scale.h"
#include "controller/core/signals.h"

namespace drover::controller {
namespace {

// Of one service, before reports and other services have their turn.
constexpr int64_t kPlacedAtOnce = 2048;

std::vector<ReplicaId> Ids(const Service& service) {
  return {service.replicas.begin(), service.replicas.end()};
}

// The count of a service without x-autoscale is an operator's word; so is everything a changed spec
// brings about (R1.4).
bool OperatorsCount(const Service& service) {
  return service.retired || !service.spec->autoscale || service.record.held;
}

StopOrder OrderFor(const Model& model, const Service& service) {
  auto stack = model.stacks.find(service.key.stack);
  const bool down = stack == model.stacks.end() || stack->second.record.removing;
  StopOrder order;
  order.reason = down ? "StackRemoved" : "ServiceRemoved";
  order.forced = true;
  order.operator_change = true;
  order.remove_volumes = stack != model.stacks.end() && stack->second.record.remove_volumes;
  return order;
}

void StopAll(Model& model, Service& service) {
  GiveRoomBack(model, service);
  const StopOrder order = OrderFor(model, service);
  for (const ReplicaId id : Ids(service)) {
    BeginStop(model, id, order);
  }
}

void ReviewDrains(Model& model, Service& service) {
  if (service.in(ReplicaState::kDraining) == 0) {
    model.draining.erase(service.key);
    return;
  }
  for (const ReplicaId id : Ids(service)) {
    Replica& replica = model.replicas.at(id);
    if (replica.state == ReplicaState::kDraining) {
      ReviewDrain(model, service, replica);
    }
  }
}

// Why the count that was decided is not reached yet.
struct Obstacle {
  std::string reason;  // CamelCase; empty: none
  std::string message;
};

// What became of replicas that no node took.
struct Unplaced {
  Obstacle obstacle;
  bool by_its_kind = false;  // on some nodes for what they have of it, or of its ports, already
};

// No node took so many of the service's replicas.
Unplaced TellWithoutRoom(Model& model, Service& service, int64_t count, const std::string& excluded,
                         const Placer& placer) {
  model.waiting_for_room.insert(service.key);
  Unplaced unplaced{
      .obstacle = {.reason = "NoRoom",
                   .message = absl::StrCat("pending: no node for ", count,
                                           count == 1 ? " replica: " : " replicas: ", excluded)}};
  service.blocked.push_back(unplaced.obstacle.message);
  if (std::string room = TakeRoom(model, service, count, placer.excluded()); !room.empty()) {
    service.blocked.push_back(std::move(room));
  }
  unplaced.by_its_kind =
      std::any_of(placer.excluded().begin(), placer.excluded().end(), [](const auto& entry) {
        return entry.second.rule == NodeRule::kPerNode || entry.second.rule == NodeRule::kHostPort;
      });
  return unplaced;
}

// Pending replicas look for room again; those that the newest spec made stale are dropped. All of a
// service need the same room: where one finds none, the others need not look.
Unplaced PlacePending(Model& model, Service& service, std::vector<Choice>* choices) {
  if (service.in(ReplicaState::kPending) == 0) {
    NoteShortOfRoom(model, service, false);
    return {};
  }
  std::vector<ReplicaId> ids = Ids(service);
  std::sort(ids.begin(), ids.end(), [&model](ReplicaId a, ReplicaId b) {
    return model.replicas.at(a).record.number < model.replicas.at(b).record.number;
  });
  std::string excluded;
  int64_t without_room = 0;
  int64_t placed = 0;
  std::optional<Placer> placer;
  for (const ReplicaId id : ids) {
    Replica& replica = model.replicas.at(id);
    if (replica.state != ReplicaState::kPending) {
      continue;
    }
    if (!Model::IsCurrent(service, replica)) {
      model.Erase(id);
      continue;
    }
    if (placed == kPlacedAtOnce) {
      model.WakeService(service.key, model.now);
      break;
    }
    if (!placer) {
      GiveRoomBack(model, service);
      placer.emplace(model, service);
    }
    Placement placement;
    if (without_room == 0) {
      placement = placer->Best();
      excluded = placement.excluded;
    }
    if (placement.node.value().empty()) {
      replica.waiting = excluded;
      ++without_room;
      continue;
    }
    ++placed;
    Node& node = model.nodes.at(placement.node);
    model.Bind(replica, node, std::move(placement.ports));
    placer->Bound();
    if (service.spec->pinned() && service.record.data_node.value().empty()) {
      service.record.data_node = placement.node;
      model.TouchRecord(service);
    }
    choices->push_back({id, "start", placement.node, placement.why});
    model.TellReplica(replica, "ReplicaPlaced",
                      absl::StrCat(Model::ContainerName(replica), " → ", model.NodeName(placement.node), " (",
                                   placement.why, ")"));
  }
  NoteShortOfRoom(model, service, without_room > 0);
  return without_room > 0 ? TellWithoutRoom(model, service, without_room, excluded, *placer) : Unplaced();
}

// A process that runs, or will; one that ended or is frozen is no replacement for a start.
bool CanServeAgain(const Replica& replica) {
  const ReplicaState next = replica.reported.value_or(ReplicaState::kStarting);
  return next != ReplicaState::kFailed && next != ReplicaState::kCompleted &&
         IsLegalStep(ReplicaState::kDraining, next);
}

// Draining replicas of the newest spec that can serve again (R3.1), the youngest drain first.
int64_t RecallSome(Model& model, Service& service, int64_t wanted, std::vector<Choice>* choices) {
  int64_t recalled = 0;
  for (const ReplicaId id : Ids(service)) {
    Replica& replica = model.replicas.at(id);
    if (recalled == wanted) {
      break;
    }
    if (!CanBeRecalled(model, service, replica)) {
      continue;
    }
    Recall(model, replica);
    choices->push_back({id, "recall", replica.record.node, "was draining"});
    ++recalled;
  }
  return recalled;
}

// Failed replicas stay to be looked at until a new one takes their place.
void ClearFailed(Model& model, Service& service) {
  for (const ReplicaId id : Ids(service)) {
    if (model.replicas.at(id).state == ReplicaState::kFailed) {
      BeginStop(model, id, {.reason = "Replaced", .operator_change = OperatorsCount(service)});
    }
  }
}

enum class Stopped { kAny, kUnreadyOnly, kUncompleted, kOldOnly };

// The order for one of those that are too many.
StopOrder OrderFor(const StopOrder& order, const std::string& gives_way) {
  StopOrder own = order;
  if (!gives_way.empty()) {
    own.reason = gives_way;
    own.operator_change = gives_way != "Unhealthy";
    own.forced = gives_way == "Unhealthy";
  }
  return own;
}

std::string TextOf(const std::string& gives_way) {
  return gives_way == "Replaced"      ? ", former spec"
         : gives_way == "NodeDrained" ? ", its node empties"
         : gives_way == "Unhealthy"   ? ", unhealthy"
         : gives_way == "Misplaced"   ? ", where it may not be"
                                      : "";
}

void StopSome(Model& model, Service& service, int64_t count, Stopped which, const StopOrder& order,
              std::vector<Choice>* choices) {
  if (count == 0) {
    return;  // the order of all is dear to find
  }
  for (const ReplicaId id : StopOrderOf(model, service)) {
    if (count == 0) {
      break;
    }
    const Replica& replica = model.replicas.at(id);
    const std::string gives_way = GivesWay(model, service, replica);
    if (which == Stopped::kUnreadyOnly && (replica.state == ReplicaState::kReady || !gives_way.empty())) {
      continue;
    }
    if (which == Stopped::kOldOnly &&
        (replica.state == ReplicaState::kPending || gives_way.empty() || gives_way == "NodeDrained")) {
      continue;
    }
    if (which == Stopped::kUncompleted && replica.state == ReplicaState::kCompleted) {
      continue;
    }
    --count;
    const std::optional<int64_t> busy = BusyOf(model, service, replica);
    const std::string work = !busy ? "work unknown" : (*busy == 0 ? "idle" : absl::StrCat(*busy, " in hand"));
    choices->push_back({id, "stop", replica.record.node,
                        absl::StrCat(ToString(replica.state), ", ", work, TextOf(gives_way))});
    if (gives_way == "Unhealthy") {
      NoteUnhealthyStopped(model, service, replica);
    }
    BeginStop(model, id, OrderFor(order, gives_way));
  }
}

// What carrying it out came to becomes part of the decision, and of the history.
void KeepOutcome(Model& model, Service& service, std::vector<Choice> choices, const Obstacle& obstacle) {
  if (service.decided == nullptr) {
    return;
  }
  if (!choices.empty() || service.blocked != service.recorded_blocked) {
    service.recorded_blocked = service.blocked;
    model.Record(Outcome{service.key, model.wall, service.decided->id, choices, service.blocked});
  }
  if (choices.empty() && service.blocked == service.decision->blocked) {
    return;
  }
  Decision decision = *service.decided;
  decision.choices = choices.empty() ? service.decision->choices : std::move(choices);
  decision.blocked = service.blocked;
  if (!obstacle.reason.empty()) {
    NoteObstacle(decision, obstacle.reason, obstacle.message);
  }
  service.decision = std::make_shared<const Decision>(std::move(decision));
  if (service.last_change != nullptr && service.last_change->id == service.decision->id) {
    service.last_change = service.decision;
  }
}

// A singleton is started anew when the former one can't run any more (R7.2).
void WakeAtFences(Model& model, const Service& service) {
  for (const ReplicaId id : service.replicas) {
    const Replica& replica = model.replicas.at(id);
    if (replica.record.node.value().empty()) {
      continue;
    }
    if (std::optional<Instant> fenced = FencedAt(model, service, replica); fenced && *fenced > model.now) {
      model.WakeService(service.key, *fenced);
    }
  }
}

// Every place is taken by a ready replica: the failed ones have been looked at long enough.
bool MustBeCleared(const Census& census, int64_t desired) {
  return census.failed > 0 && census.active >= desired && census.current_ready == census.active;
}

// A replacement that finds no place because what it replaces holds the only one (a port of the host, the
// last place by max_replicas_per_node) comes after it.
void StopForItsSuccessor(Model& model, Service& service, std::vector<Choice>* choices) {
  const Census census = Count(model, service);
  const int64_t pending = service.in(ReplicaState::kPending);
  const bool others_ready = census.current_ready + pending >= census.current;
  if (census.old > 0 && census.leaving == 0 && others_ready) {
    StopSome(model, service, 1, Stopped::kOldOnly, {.reason = "Replaced", .operator_change = true}, choices);
  }
}

// Replicas that were to leave take the place of those that wait for one (R3.1).
void RecallForPending(Model& model, Service& service, std::vector<Choice>* choices) {
  if (service.in(ReplicaState::kPending) == 0 || service.in(ReplicaState::kDraining) == 0) {
    return;
  }
  int64_t recalled = RecallSome(model, service, service.in(ReplicaState::kPending), choices);
  for (const ReplicaId id : Ids(service)) {
    if (recalled > 0 && model.replicas.at(id).state == ReplicaState::kPending) {
      model.Erase(id);
      --recalled;
    }
  }
}

// What must be stopped before another one is started leaves its node only for a place that is there and kept.
void HoldBack(Model& model, Service& service, const Census& census, Moves* moves) {
  if (moves->stop == 0 || census.active > service.record.desired) {
    return;
  }
  for (const ReplicaId id : StopOrderOf(model, service)) {
    const std::string gives_way = GivesWay(model, service, model.replicas.at(id));
    if (gives_way.empty()) {
      continue;
    }
    if (gives_way != "NodeDrained") {
      return;
    }
    const Placement place = Placer(model, service).Best();
    if (!place.node.value().empty()) {
      KeepRoom(model, service, place.node);
      return;
    }
    moves->stop = 0;
    model.waiting_for_room.insert(service.key);
    service.blocked.push_back(
        absl::StrCat("NodeDrained: stays, because no other node takes it: ", place.excluded));
    return;
  }
}

void ReviewCount(Model& model, Service& service) {
  std::vector<Choice> choices;
  Obstacle obstacle;
  const int64_t desired = service.record.desired;
  if (service.spec->singleton) {
    WakeAtFences(model, service);
  }
  RecallForPending(model, service, &choices);
  Census census = Count(model, service);
  if (census.active >= desired) {
    GiveRoomBack(model, service);
  }
  Moves moves = NextMoves(*service.spec, desired, census);
  HoldBack(model, service, census, &moves);
  if (moves.start > 0) {
    moves.start -= RecallSome(model, service, moves.start, &choices);
    census = Count(model, service);
  }
  if (moves.start > 0) {
    if (std::string gate = GateOf(model, service, census); !gate.empty()) {
      service.blocked.push_back(gate);
      obstacle = {"WaitsForOthers", gate};
      model.gated[service.key.stack].insert(service.key);
      moves.start = 0;
    }
  }
  if (census.failed > 0) {
    service.blocked.push_back(FailureText(model, service));
    obstacle = {"ReplicasFailing", service.blocked.back()};
  }
  if (moves.start > 0 && service.failures > 0 && model.now < service.retry_at) {
    model.WakeService(service.key, service.retry_at);
    moves.start = 0;
  }
  if (moves.start > 0) {
    ClearFailed(model, service);
    for (int64_t i = 0; i < moves.start; ++i) {
      model.AddReplica(service, model.FreeNumber(service));
    }
  }
  if (MustBeCleared(census, desired)) {
    ClearFailed(model, service);
  }
  StopSome(model, service, moves.stop, Stopped::kAny,
           {.reason = "ScaleDown", .operator_change = OperatorsCount(service)}, &choices);
  StopSome(model, service, moves.stop_unready, Stopped::kUnreadyOnly,
           {.reason = "ScaleDown", .operator_change = OperatorsCount(service)}, &choices);
  if (Unplaced unplaced = PlacePending(model, service, &choices); !unplaced.obstacle.reason.empty()) {
    obstacle = std::move(unplaced.obstacle);
    if (unplaced.by_its_kind) {
      StopForItsSuccessor(model, service, &choices);
    }
  }
  KeepOutcome(model, service, std::move(choices), obstacle);
}

// A task that never ran is tried again; one that ran and failed is not, unless the spec changes (R7.3).
bool MayRetryTask(Model& model, Service& service) {
  for (const ReplicaId id : service.replicas) {
    const Replica& replica = model.replicas.at(id);
    const std::string& reason = replica.detail.reason;
    if (replica.state == ReplicaState::kFailed && reason != "ImagePullFailed" && reason != "PortInUse" &&
        reason != "NameConflict" && reason != "PolicyRefused") {
      return false;
    }
  }
  if (model.now < service.retry_at) {
    model.WakeService(service.key, service.retry_at);
    return false;
  }
  return true;
}

// R7.3: one run per revision; it is done when every completion it asks for has come.
void ReviewTask(Model& model, Service& service) {
  const uint64_t revision = model.stacks.at(service.key.stack).record.revision;
  if (service.record.task_revision_done == revision) {
    return;
  }
  int64_t completed = 0;
  int64_t running = 0;
  bool failed = false;
  bool former = false;
  for (const ReplicaId id : Ids(service)) {
    const Replica& replica = model.replicas.at(id);
    // A failed run of a former revision does not count against this one.
    const bool stale = replica.state == ReplicaState::kFailed && replica.record.stack_revision != revision;
    if (replica.record.spec_hash != service.spec->spec_hash || stale) {
      if (replica.state != ReplicaState::kStopping) {
        BeginStop(model, id, {.reason = "Replaced", .operator_change = true});
      }
      // A run of the former revision may still be at it; two never overlap.
      former = former || model.FindReplica(id) != nullptr;
      continue;
    }
    // Stopped because its node was to be empty: the next run begins when it is gone.
    former = former || replica.record.reason == "NodeDrained";
    completed += replica.state == ReplicaState::kCompleted ? 1 : 0;
    failed = failed || replica.state == ReplicaState::kFailed;
    running += IsActive(replica.state) || replica.state == ReplicaState::kLost ? 1 : 0;
  }
  std::vector<Choice> choices;
  // Fewer runs are wanted than are at it. What has completed stays, as the proof of its run.
  const int64_t surplus = std::min(running, running + completed - service.record.desired);
  StopSome(model, service, std::max<int64_t>(surplus, 0), Stopped::kUncompleted,
           {.reason = "ScaleDown", .operator_change = true}, &choices);
  if (completed >= service.record.desired) {
    service.record.task_revision_done = revision;
    model.TouchRecord(service);
    model.ReviewStack(service.key.stack);
    return;
  }
  if (failed) {
    service.blocked.push_back(FailureText(model, service));
    if (!MayRetryTask(model, service)) {
      return;
    }
    ClearFailed(model, service);
  }
  if (former) {
    return;
  }
  if (running + completed < service.record.desired) {
    if (std::string gate = GateOf(model, service, {}); !gate.empty()) {
      service.blocked.push_back(gate);
      model.gated[service.key.stack].insert(service.key);
      return;
    }
    for (int64_t i = running + completed; i < service.record.desired; ++i) {
      model.AddReplica(service, model.FreeNumber(service));
    }
  }
  PlacePending(model, service, &choices);
}

// Frozen (R10.1), and not `down`, which is an operator's word about the whole stack.
bool HoldsStill(const Model& model, const Service& service) {
  const auto stack = model.stacks.find(service.key.stack);
  return model.frozen() && stack != model.stacks.end() && !stack->second.record.removing;
}

}  // namespace

std::string FailureText(const Model& model, const Service& service) {
  for (const ReplicaId id : service.replicas) {
    const Replica& replica = model.replicas.at(id);
    if (replica.state == ReplicaState::kFailed) {
      return absl::StrCat(replica.detail.reason.empty() ? "Failed" : replica.detail.reason, ": ",
                          Model::ContainerName(replica), " on ", model.NodeName(replica.record.node),
                          replica.detail.message.empty() ? "" : ": ", replica.detail.message);
    }
  }
  return "";
}

bool CanBeRecalled(const Model& model, const Service& service, const Replica& replica) {
  if (replica.state != ReplicaState::kDraining || !GivesWay(model, service, replica).empty() ||
      replica.record.superseded || replica.record.reason == "Unhealthy") {
    return false;
  }
  const Node& node = model.nodes.at(replica.record.node);
  if (IsEmptying(node.record)) {
    return false;
  }
  const bool given = replica.record.reason == kGivesRoom && KeptFor(model, service, node) != nullptr;
  return node.up() && CanServeAgain(replica) && !given;
}

void ReviewService(Model& model, const Probes& probes, Service& service) {
  const std::vector<std::string> before = std::exchange(service.blocked, {});
  if (service.retired || !service.spec) {
    if (HoldsStill(model, service)) {
      service.blocked.push_back(FrozenText(model));
      ReviewDrains(model, service);
    } else {
      StopAll(model, service);
    }
  } else if (HoldsStill(model, service)) {
    service.blocked.push_back(FrozenText(model));
    StopReturned(model, service);
    ReviewDesired(model, probes, service);
    ReviewDrains(model, service);
    KeepOutcome(model, service, {}, {"Frozen", service.blocked.front()});
  } else {
    StopReturned(model, service);
    ReviewDesired(model, probes, service);
    StopOverdue(model, service);
    if (!service.spec->global) {
      model.global.erase(service.key);
      ReplaceLost(model, service);
    }
    if (!service.spec->task) {
      ReviewHealth(model, service);
    }
    ReviewDrains(model, service);
    if (service.spec->global) {
      ReviewGlobal(model, service);
    } else if (service.spec->task) {
      ReviewTask(model, service);
    } else {
      ReviewCount(model, service);
    }
  }
  if (service.blocked != before) {
    model.ShowService(service.key);
  }
}

}  // namespace drover::controller
