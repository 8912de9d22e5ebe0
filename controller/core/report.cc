#include "controller/core/report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controller/core/drain.h"
#include "controller/core/evidence.h"
#include "controller/core/liveness.h"
#include "controller/core/probes.h"

namespace drover::controller {
namespace {

constexpr Duration kRetryFirst = absl::Seconds(1);
constexpr Duration kRetryMax = absl::Seconds(300);
constexpr uint32_t kRetriesAtOnce = 5;  // after a port or a name conflict
// Rates of requests are over so much: one second of a hundred requests is off by a tenth by chance.
constexpr Duration kRateWindow = absl::Seconds(5);

// What a report says of a replica that is in `run`. An agent that stops one by itself (R7.2) has it
// back on its way to running as soon as it may.
std::optional<ReplicaState> Meaning(ReplicaState reported) {
  switch (reported) {
    case ReplicaState::kPulling:
    case ReplicaState::kStarting:
    case ReplicaState::kRunning:
    case ReplicaState::kReady:
    case ReplicaState::kWarm:
    case ReplicaState::kThawing:
    case ReplicaState::kCompleted:
    case ReplicaState::kFailed:
      return reported;
    case ReplicaState::kStopping:
      return ReplicaState::kStarting;
    case ReplicaState::kPending:
    case ReplicaState::kAssigned:
    case ReplicaState::kDraining:
    case ReplicaState::kGone:
    case ReplicaState::kLost:
      return std::nullopt;
  }
  return std::nullopt;
}

void NoteFailure(Model& model, Service& service, Node& node, const Replica& replica) {
  ++service.failures;
  const bool port = replica.detail.reason == "PortInUse";
  const bool name = replica.detail.reason == "NameConflict";
  if (port) {
    for (const PublishedPort& published : replica.record.published) {
      node.refused_ports.insert(published.host_port);
    }
  }
  if (name) {
    service.taken_numbers.insert(replica.record.number);
  }
  Duration wait;
  if ((!port && !name) || service.failures > kRetriesAtOnce) {
    const uint32_t doublings = std::min(service.failures - 1, 9U);
    wait = std::min(kRetryFirst * (1 << doublings), kRetryMax);
  }
  service.retry_at = model.now + wait;
  model.WakeService(service.key, service.retry_at);
  KeepFailure(model, service, replica);
  model.TellReplica(replica, "ReplicaFailed",
                    absl::StrCat(Model::ContainerName(replica), " failed: ", replica.detail.reason,
                                 replica.detail.message.empty() ? "" : ": ", replica.detail.message),
                    /*warning=*/true);
}

// Its agent starts it again in place (R3.6).
void TellCrash(Model& model, const Replica& replica, ReplicaState before) {
  const bool ran = before == ReplicaState::kRunning || before == ReplicaState::kReady;
  if (ran && EndedBadly(replica) && !replica.detail.reason.empty()) {
    model.TellReplica(
        replica, "ReplicaCrashed",
        absl::StrCat(Model::ContainerName(replica), " ended and is started again: ", replica.detail.reason,
                     replica.detail.message.empty() ? "" : ": ", replica.detail.message),
        /*warning=*/true);
  }
}

void FoldState(Model& model, Node& node, Service& service, Replica& replica, ReplicaState word) {
  const std::optional<ReplicaState> meaning = Meaning(word);
  if (!meaning || replica.state == ReplicaState::kStopping || replica.record.superseded) {
    return;
  }
  const bool changed = replica.reported != meaning;
  replica.reported = meaning;
  if (replica.state == ReplicaState::kDraining) {
    // Ended by itself: no edge needs to be asked about a process that is not there.
    if (*meaning == ReplicaState::kCompleted || *meaning == ReplicaState::kFailed) {
      replica.ever_ready = false;
      model.ReviewService(service.key);
    }
    return;
  }
  if (!IsLegalStep(replica.state, *meaning)) {
    return;
  }
  const ReplicaState before = replica.state;
  model.SetState(replica, *meaning);
  if (before == *meaning && !changed) {
    return;
  }
  if (*meaning == ReplicaState::kRunning || *meaning == ReplicaState::kReady) {
    if (service.spec && Model::IsCurrent(service, replica)) {
      model.image_nodes[service.spec->image_id].insert(node.record.id);
    }
  }
  if (before == *meaning) {
    return;
  }
  if (*meaning == ReplicaState::kReady) {
    service.failures = 0;
    if (!std::exchange(replica.recovered, false) || before == ReplicaState::kLost) {
      model.TellReplica(
          replica, "ReplicaReady",
          absl::StrCat(Model::ContainerName(replica), " is ready on ", model.NodeName(node.record.id)));
    }
  } else if (*meaning == ReplicaState::kStarting) {
    TellCrash(model, replica, before);
  } else if (*meaning == ReplicaState::kFailed) {
    NoteFailure(model, service, node, replica);
  } else if (*meaning == ReplicaState::kCompleted) {
    model.TellReplica(replica, "ReplicaCompleted", absl::StrCat(Model::ContainerName(replica), " completed"));
  }
}

// R1.5: the report knows the assignment that placed the replica.
bool KnowsOf(const Model& model, const NodeReport& report, const Replica& replica) {
  return replica.ordered.value() != 0 && report.applied_epoch == model.epoch &&
         report.applied_revision >= replica.ordered;
}

// Samples come in from many nodes all the time; one look per interval serves them all.
void NoteNewSample(Model& model, Service& service) {
  if (!std::exchange(service.input_changed, true) && service.spec && service.spec->autoscale) {
    const Instant due = service.evaluated.value_or(model.started) + service.spec->autoscale->interval;
    model.WakeService(service.key, std::max(model.now, due));
  }
}

void FoldReplicas(Model& model, Node& node, const NodeReport& report, Duration excess) {
  for (const ReplicaDetail& detail : report.details) {
    if (auto it = node.by_handle.find(detail.handle); it != node.by_handle.end()) {
      Replica& replica = *it->second;
      if (replica.detail.address != detail.address) {
        for (const std::string& queue : model.QueuesHostedBy(replica.record.service)) {
          model.ReviewQueue(replica.record.service.stack, queue);
        }
      }
      replica.detail = detail;
      model.ShowService(replica.record.service);
    }
  }
  std::set<ReplicaId> listed;
  Service* last = nullptr;  // neighbours in a report are often of one service
  for (const ReplicaSample& sample : report.replicas) {
    auto it = node.by_handle.find(sample.handle);
    if (it == node.by_handle.end()) {
      continue;
    }
    Replica& replica = *it->second;
    if (report.full) {
      listed.insert(replica.record.id);
    }
    replica.sample = sample;
    replica.sampled = report.now - excess - sample.age;
    if (last == nullptr || last->key != replica.record.service) {
      last = &model.services.at(replica.record.service);
    }
    Service& service = *last;
    if (sample.memory_bytes && service.spec && !service.spec->reserved_memory) {
      service.memory.Add(*sample.memory_bytes);
    }
    if (!std::exchange(service.shown_soft, true)) {
      model.ShowService(service.key, /*soft=*/true);
    }
    NoteNewSample(model, service);
    FoldState(model, node, service, replica, sample.state);
  }
  if (!report.full) {
    return;
  }
  const std::set<ReplicaId> all = node.replicas;
  for (const ReplicaId id : all) {
    Replica& replica = model.replicas.at(id);
    const bool in_run = replica.state != ReplicaState::kStopping && !replica.record.superseded;
    if (in_run && !listed.contains(id) && KnowsOf(model, report, replica)) {
      model.TellReplica(replica, "ReplicaVanished",
                        absl::StrCat(Model::ContainerName(replica), " is not on ",
                                     model.NodeName(node.record.id), " any more"),
                        /*warning=*/true);
      model.Erase(id);
    }
  }
}

void FoldRemoved(Model& model, const NodeReport& report) {
  for (const StopResult& stop : report.stops) {
    Replica* replica = model.FindReplica(stop.replica);
    if (replica == nullptr || replica->record.node != report.node || replica->stop_told) {
      continue;
    }
    replica->stop_told = true;
    static constexpr const char* kWords[] = {"clean", "timed out", "killed with work", "forced",
                                             "already gone"};
    model.Tell({"stop", "ReplicaStopped",
                absl::StrCat(Model::ContainerName(*replica), " stopped (", replica->record.reason,
                             "): ", kWords[static_cast<size_t>(stop.result)], ", ",
                             absl::FormatDuration(absl::Trunc(stop.signal_to_exit, absl::Milliseconds(1))),
                             stop.detail.empty() ? "" : ", ", stop.detail),
                replica->record.service, stop.replica, report.node,
                stop.result == StopResult::Result::kKilledWithWork});
  }
  for (const ReplicaId id : report.removed) {
    const Replica* replica = model.FindReplica(id);
    if (replica != nullptr && replica->record.node == report.node &&
        replica->state == ReplicaState::kStopping) {
      if (Service& service = model.services.at(replica->record.service);
          EndedBadly(*replica) && replica->detail.restarts > 0) {
        KeepFailure(model, service, *replica);  // it crashed and was started again, now and then
      }
      model.TellReplica(*replica, "ReplicaGone", absl::StrCat(Model::ContainerName(*replica), " is gone"));
      model.Erase(id);
    }
  }
}

bool GoesByBalancer(const Service& service) {
  if (!service.spec || !service.spec->autoscale) {
    return false;
  }
  const std::vector<SignalSpec>& signals = service.spec->autoscale->signals;
  return std::any_of(signals.begin(), signals.end(),
                     [](const SignalSpec& signal) { return IsOfBalancer(signal.kind); });
}

// What the balancer measured of a set; `at` is when.
void FoldEdgeReading(Model& model, Node& node, uint64_t instance, const EdgeSetStatus& set, Instant at) {
  const auto owner = model.set_owners.find(set.set);
  // A handle of another controller may mean another service.
  if (owner == model.set_owners.end()) {
    return;
  }
  EdgeReadings& readings = node.edge_readings[set.set];
  readings.measured = at;
  if (set.requests_total && set.finished_total && set.applied_epoch == model.epoch) {
    readings.counts.Add(at, instance, {.arrived = *set.requests_total, .finished = *set.finished_total},
                        std::max(kRateWindow, 3 * model.options.report_interval));
  }
  Service& service = model.services.at(owner->second);
  if (set.times) {
    model.ShowService(service.key, /*soft=*/true);
  }
  if (!GoesByBalancer(service)) {
    return;
  }
  if (service.record.desired == 0 && set.held.value_or(0) > 0) {
    service.input_changed = true;  // somebody waits (R4.4)
    model.ReviewService(service.key);
  } else {
    NoteNewSample(model, service);
  }
}

// R6.5: each reload is counted and logged.
void NoteReloads(Model& model, const Node& node, const EdgeStatus& status) {
  const uint64_t before = node.edge ? node.edge->reloads : 0;
  if (status.reloads > before) {
    model.Tell(
        {"edge",
         "EdgeReloaded",
         absl::StrCat(model.NodeName(node.record.id), ": the balancer took over a new configuration, ",
                      status.reloads, status.reloads == 1 ? " time" : " times", " since its agent started"),
         {},
         {},
         node.record.id,
         false});
  }
}

// What was cut at a drain limit is said, with the number.
void NoteClosed(Model& model, const Node& node, const EdgeSetStatus& before, const EdgeSetStatus& set) {
  const auto owner = model.set_owners.find(set.set);
  if (set.closed_total <= before.closed_total || owner == model.set_owners.end()) {
    return;
  }
  const uint64_t closed = set.closed_total - before.closed_total;
  model.Tell({"service",
              "ConnectionsClosed",
              absl::StrCat(model.NodeName(node.record.id), ": the balancer closed ", closed,
                           closed == 1 ? " connection" : " connections",
                           " that stayed with a leaving replica beyond the drain limit of x-edge"),
              owner->second,
              {},
              node.record.id,
              true});
}

void FoldEdge(Model& model, Node& node, const EdgeStatus& status, Instant sent) {
  NoteReloads(model, node, status);
  const std::string before = node.edge ? node.edge->error : "";
  if (node.edge && node.edge->instance != status.instance) {
    node.edge_sets.clear();
  }
  for (const EdgeSetStatus& set : status.sets) {
    EdgeSetStatus& known = node.edge_sets[set.set];
    if (!set.error.empty() && set.error != known.error) {
      model.Tell({"edge",
                  "EdgeError",
                  absl::StrCat(model.NodeName(node.record.id), ": ", set.error),
                  {},
                  {},
                  node.record.id,
                  true});
    }
    const bool follows = known.applied_epoch == set.applied_epoch &&
                         known.applied_revision == set.applied_revision && known.error == set.error;
    if (const auto owner = model.set_owners.find(set.set); !follows && owner != model.set_owners.end()) {
      model.ShowService(owner->second);
    }
    NoteClosed(model, node, known, set);
    known = set;
    FoldEdgeReading(model, node, status.instance, set, sent - set.age);
  }
  if (!status.error.empty() && status.error != before) {
    model.Tell({"edge",
                "EdgeError",
                absl::StrCat(model.NodeName(node.record.id), ": ", status.error),
                {},
                {},
                node.record.id,
                true});
  }
  node.edge = status;
  if (!status.reachable) {
    return;
  }
  const std::set<ServiceKey> services = model.draining;
  for (const ServiceKey& key : services) {
    if (Service* service = model.FindService(key)) {
      NoteEdgeRead(model, *service, node);
    }
  }
}

void FoldNotices(Model& model, const NodeReport& report) {
  for (const AgentNotice& notice : report.notices) {
    const Replica* replica = model.FindReplica(notice.replica);
    model.Tell({replica != nullptr ? "replica" : "node", notice.reason, notice.message,
                replica != nullptr ? replica->record.service : ServiceKey(), notice.replica, report.node,
                notice.warning});
  }
}

}  // namespace

void FoldReport(Model& model, Probes& probes, const NodeReport& report) {
  Node* node = model.FindNode(report.node);
  if (node == nullptr || node->stream != report.stream) {
    return;
  }
  const Duration excess = NoteDelay(*node, report.now, report.sent);
  node->applied_epoch = report.applied_epoch;
  node->applied_revision = report.applied_revision;
  Hear(model, *node, report.now - excess);
  if (report.capacity && *report.capacity != node->record.capacity) {
    node->record.capacity = *report.capacity;
    model.TouchRecord(*node);
    model.RoomChanged();
  }
  FoldReplicas(model, *node, report, excess);
  FoldRemoved(model, report);
  if (report.full || !report.unknown.empty()) {
    SetOrphans(model, *node, report.unknown);
  }
  if (report.edge) {
    FoldEdge(model, *node, *report.edge, report.now - excess);
  }
  probes.Fold(*node, report, excess);
  FoldNotices(model, report);
  if (report.host) {
    node->host = report.host;
  }
  node->stuck = report.stuck;
  if (report.full && !node->reported) {
    node->reported = true;
    std::set<ServiceKey> services;
    for (const ReplicaId id : node->replicas) {
      services.insert(model.replicas.at(id).record.service);
    }
    for (const ServiceKey& key : services) {
      model.BackendsChanged(key);
      model.ReviewService(key);
    }
    ReviewSettled(model);
  }
  if (!std::exchange(node->shown_soft, true)) {
    model.ShowNode(report.node, /*soft=*/true);
  }
}

}  // namespace drover::controller
