#include "controller/core/drain.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/core/admit.h"

namespace drover::controller {
namespace {

// R3.2: what returns superseded is told to stop within 10 s.
constexpr Duration kSupersededLimit = absl::Seconds(5);
constexpr int kQuietReads = 2;  // R6.1: later reads that say "nothing in flight"

bool Holds(const BackendSet& set, ReplicaId id) {
  return std::any_of(set.backends.begin(), set.backends.end(),
                     [id](const Backend& backend) { return backend.replica == id; });
}

// Edges that have not yet confirmed that nothing goes to the replica any more.
std::vector<NodeId> Unconfirmed(const Model& model, const Service& service, const Replica& replica) {
  std::vector<NodeId> waiting;
  if (!replica.ever_ready || !service.spec) {
    return waiting;
  }
  for (const NodeId& edge : EdgesOf(model, *service.spec)) {
    auto reads = replica.quiet_reads.find(edge);
    if (reads == replica.quiet_reads.end() || reads->second < kQuietReads) {
      waiting.push_back(edge);
    }
  }
  return waiting;
}

// How long requests may still come after the confirmation; absent: no route names the consumer.
std::optional<Duration> DelayOf(const ServiceSpec& spec, const std::string& consumer) {
  std::optional<Duration> delay;
  for (const ListenerSpec& listener : spec.listeners) {
    if (listener.pull == consumer) {
      delay = std::max(delay.value_or(absl::ZeroDuration()), listener.pull_delay);
    }
  }
  return delay;
}

std::string LastWord(const Service& service, const std::string& consumer) {
  const auto state = service.pulls.find(consumer);
  if (state == service.pulls.end()) {
    return absl::StrCat(consumer, " (has confirmed nothing since the controller's start)");
  }
  return absl::StrCat(consumer, " (last confirmed ", state->second.revision, " of ",
                      service.record.backend_revision, " at ",
                      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", state->second.wall, absl::UTCTimeZone()), ")");
}

// Consumers that may still send to the replica, as text; arms the timer for those whose delay runs.
std::vector<std::string> UnconfirmedPulls(Model& model, const Service& service, Replica& replica) {
  std::vector<std::string> waiting;
  if (!replica.ever_ready || !service.spec) {
    return waiting;
  }
  for (const std::string& consumer : ConsumersOf(*service.spec)) {
    const auto state = service.pulls.find(consumer);
    if (replica.drain_revision != 0 && state != service.pulls.end() &&
        state->second.revision >= replica.drain_revision) {
      replica.pulled.try_emplace(consumer, state->second.at);
    }
    const auto pulled = replica.pulled.find(consumer);
    if (pulled == replica.pulled.end()) {
      waiting.push_back(LastWord(service, consumer));
      continue;
    }
    const Instant due = pulled->second + *DelayOf(*service.spec, consumer);
    if (model.now < due) {
      model.WakeService(service.key, due);
      waiting.push_back(absl::StrCat(consumer, " (its delay)"));
    }
  }
  return waiting;
}

void GoOn(Model& model, Replica& replica, bool forced) {
  Node& node = model.nodes.at(replica.record.node);
  if (!AdmitStop(model, node, replica)) {
    return;
  }
  replica.record.forced = forced;
  model.SetState(replica, ReplicaState::kStopping);
  model.TouchRecord(replica);
}

}  // namespace

bool ServesListener(const ListenerSpec& listener, const std::string& name) {
  return listener.pull.empty() && (listener.on.empty() || std::find(listener.on.begin(), listener.on.end(),
                                                                    name) != listener.on.end());
}

std::set<std::string> ConsumersOf(const ServiceSpec& spec) {
  std::set<std::string> consumers;
  for (const ListenerSpec& listener : spec.listeners) {
    if (!listener.pull.empty()) {
      consumers.insert(listener.pull);
    }
  }
  return consumers;
}

bool ServesAny(const std::vector<ListenerSpec>& listeners, const std::string& name) {
  return std::any_of(listeners.begin(), listeners.end(),
                     [&](const ListenerSpec& listener) { return ServesListener(listener, name); });
}

std::vector<NodeId> EdgesOf(const Model& model, const ServiceSpec& spec) {
  std::vector<NodeId> edges;
  for (const NodeId& id : model.edges) {
    if (ServesAny(spec.listeners, model.NodeName(id))) {
      edges.push_back(id);
    }
  }
  return edges;
}

void BeginStop(Model& model, ReplicaId id, const StopOrder& order) {
  Replica& replica = model.replicas.at(id);
  ReplicaRecord& record = replica.record;
  if (replica.state == ReplicaState::kPending) {
    model.Erase(id);
    return;
  }
  if (replica.state == ReplicaState::kStopping) {
    return;
  }
  if (record.reason != order.reason || record.operator_change != order.operator_change ||
      record.remove_volumes != order.remove_volumes || record.forced != order.forced) {
    record.reason = order.reason;
    record.operator_change = order.operator_change;
    record.remove_volumes = order.remove_volumes;
    record.forced = order.forced;
    model.TouchRecord(replica);
  }
  Service& service = model.services.at(record.service);
  const bool away = replica.state == ReplicaState::kLost && !model.nodes.at(record.node).up();
  if (away && !service.retired) {
    if (!record.superseded) {
      record.superseded = true;
      model.TouchRecord(replica);
      model.ReviewService(record.service);
    }
    return;
  }
  const bool runs =
      replica.state != ReplicaState::kFailed && replica.state != ReplicaState::kCompleted && !away;
  if (!runs) {
    if (AdmitStop(model, model.nodes.at(record.node), replica)) {
      model.SetState(replica, ReplicaState::kStopping);
    }
    return;
  }
  if (replica.state != ReplicaState::kDraining) {
    model.SetState(replica, ReplicaState::kDraining);
  }
  ReviewDrain(model, service, replica);
}

void ReviewDrain(Model& model, Service& service, Replica& replica) {
  const bool forced = replica.record.forced;
  const std::vector<NodeId> waiting = Unconfirmed(model, service, replica);
  const std::vector<std::string> pulls = UnconfirmedPulls(model, service, replica);
  if (waiting.empty() && pulls.empty()) {
    GoOn(model, replica, /*forced=*/false);
    return;
  }
  Duration limit = forced ? service.spec->drain_timeout : model.options.drain_blocked_after;
  if (forced && replica.record.superseded) {
    limit = std::min(limit, kSupersededLimit);
  }
  const Instant due = replica.drain_since + limit;
  if (model.now < due) {
    model.WakeService(service.key, due);
    return;
  }
  if (forced) {
    GoOn(model, replica, /*forced=*/true);
    return;
  }
  std::vector<std::string> names;
  for (const NodeId& edge : waiting) {
    const Node& node = model.nodes.at(edge);
    names.push_back(absl::StrCat(model.NodeName(edge), node.up() ? "" : " (silent)"));
  }
  names.insert(names.end(), pulls.begin(), pulls.end());
  service.blocked.push_back(absl::StrCat("DrainBlocked: ", Model::ContainerName(replica),
                                         " waits for the confirmation of ", absl::StrJoin(names, ", ")));
}

void Recall(Model& model, Replica& replica) {
  replica.record.reason.clear();
  replica.record.forced = false;
  replica.record.operator_change = false;
  replica.record.remove_volumes = false;
  model.TouchRecord(replica);
  model.SetState(replica, replica.reported.value_or(ReplicaState::kStarting));
  model.TellReplica(replica, "ReplicaRecalled",
                    absl::StrCat(Model::ContainerName(replica), " is needed again and no longer drains"));
}

void NoteEdgeRead(Model& model, Service& service, const Node& edge) {
  const std::string name = model.NodeName(edge.record.id);
  for (const ReplicaId id : service.replicas) {
    Replica& replica = model.replicas.at(id);
    if (replica.state != ReplicaState::kDraining || replica.drain_revision == 0) {
      continue;
    }
    bool applied = true;
    bool known = true;
    int64_t in_flight = 0;
    for (const BackendSet& set : service.sets) {
      if (!ServesAny(set.listeners, name)) {
        continue;
      }
      auto status = edge.edge_sets.find(set.handle);
      if (status == edge.edge_sets.end() || status->second.applied_epoch != model.epoch ||
          status->second.applied_revision.value() < replica.drain_revision) {
        applied = false;
        break;
      }
      const std::vector<EdgeServer>& servers = status->second.servers;
      const auto row = std::find_if(servers.begin(), servers.end(),
                                    [&](const EdgeServer& server) { return server.replica == id; });
      known = known && (row != servers.end() || !Holds(set, id));
      in_flight += row != servers.end() ? row->in_flight : 0;
    }
    auto reads = replica.quiet_reads.find(edge.record.id);
    if (!applied) {
      replica.quiet_reads.erase(edge.record.id);
    } else if (reads == replica.quiet_reads.end()) {
      replica.quiet_reads.emplace(edge.record.id, 0);
    } else {
      reads->second = known && in_flight == 0 ? reads->second + 1 : 0;
      model.ReviewService(service.key);
    }
  }
}

void NoteConsumer(Model& model, const ConsumerApplied& event) {
  for (const auto& [key, revision] : event.revisions) {
    Service* service = model.FindService(key);
    if (service == nullptr || !service->spec || !DelayOf(*service->spec, event.consumer)) {
      continue;
    }
    PullState& state = service->pulls[event.consumer];
    state.revision = std::max(state.revision, revision);
    state.at = event.now;
    state.wall = event.wall;
    model.ShowService(key, /*soft=*/true);
    if (model.draining.contains(key)) {
      model.ReviewService(key);
    }
  }
}

}  // namespace drover::controller
