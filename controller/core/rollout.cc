#include "controller/core/rollout.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controller/core/availability.h"
#include "controller/core/health.h"
#include "controller/core/liveness.h"
#include "controller/core/node_rules.h"

namespace drover::controller {
namespace {

bool TaskDone(const Model& model, const Service& task) {
  return task.record.task_revision_done == model.stacks.at(task.key.stack).record.revision;
}

// "waits for migrate to complete", or why it never will.
std::string WaitForTask(const Model& model, const Service& task) {
  for (const ReplicaId id : task.replicas) {
    const Replica& replica = model.replicas.at(id);
    if (replica.state == ReplicaState::kFailed && Model::IsCurrent(task, replica)) {
      const ReplicaDetail& detail = replica.detail;
      std::string text = absl::StrCat("TaskFailed: ", task.key.service);
      if (detail.exit_code) {
        absl::StrAppend(&text, " exited with code ", *detail.exit_code);
      } else {
        absl::StrAppend(&text, " failed");
      }
      if (!detail.reason.empty()) {
        absl::StrAppend(&text, " (", detail.reason, ")");
      }
      if (!detail.message.empty()) {
        absl::StrAppend(&text, ": ", detail.message);
      }
      return text;
    }
  }
  return absl::StrCat("waits for ", task.key.service, " to complete");
}

bool Started(const Model& model, const Service& service) {
  return std::any_of(service.replicas.begin(), service.replicas.end(), [&](ReplicaId id) {
    const ReplicaState state = model.replicas.at(id).state;
    return state == ReplicaState::kRunning || state == ReplicaState::kReady ||
           state == ReplicaState::kCompleted;
  });
}

bool Healthy(const Model& model, const Service& service) {
  return std::any_of(service.replicas.begin(), service.replicas.end(),
                     [&](ReplicaId id) { return model.replicas.at(id).state == ReplicaState::kReady; });
}

// `from` waits for `name`, directly or through others: such a service must not wait for `from`.
bool DependsOn(const Model& model, const Service& from, const std::string& name,
               std::set<std::string>* visited) {
  if (!from.spec || !visited->insert(from.key.service).second) {
    return false;
  }
  for (const DependencySpec& dependency : from.spec->depends_on) {
    if (dependency.service == name) {
      return true;
    }
    auto it = model.services.find({from.key.stack, dependency.service});
    if (it != model.services.end() && DependsOn(model, it->second, name, visited)) {
      return true;
    }
  }
  return false;
}

// The first task that must be done before anything of the newest revision may run (R7.3).
const Service* TaskBefore(const Model& model, const Service& service) {
  const std::string& stack = service.key.stack;
  for (auto it = model.services.lower_bound({stack, ""});
       it != model.services.end() && it->first.stack == stack; ++it) {
    const Service& task = it->second;
    std::set<std::string> visited;
    if (task.spec && !task.retired && task.spec->task && task.spec->before_rollout &&
        !TaskDone(model, task) && !DependsOn(model, task, service.key.service, &visited)) {
      return &task;
    }
  }
  return nullptr;
}

std::string WaitFor(const Model& model, const Service& service, const DependencySpec& dependency) {
  auto it = model.services.find({service.key.stack, dependency.service});
  if (it == model.services.end() || it->second.retired) {
    return "";
  }
  const Service& other = it->second;
  switch (dependency.condition) {
    case DependencySpec::Condition::kStarted:
      return Started(model, other) ? "" : absl::StrCat("waits for ", dependency.service, " to start");
    case DependencySpec::Condition::kHealthy:
      return Healthy(model, other) ? "" : absl::StrCat("waits for ", dependency.service, " to be ready");
    case DependencySpec::Condition::kCompleted:
      return TaskDone(model, other) ? "" : WaitForTask(model, other);
  }
  return "";
}

}  // namespace

std::string GivesWay(const Model& model, const Service& service, const Replica& replica) {
  if (!Model::IsCurrent(service, replica)) {
    const Node* home = nullptr;
    if (auto node = model.nodes.find(replica.record.node); node != model.nodes.end()) {
      home = &node->second;
    }
    const bool away = home != nullptr && home->record.availability == NodeAvailability::kMaintenance;
    return away && service.spec && service.spec->pinned() && !service.retired ? "" : "Replaced";
  }
  if (MustLeave(model, service, replica)) {
    return "NodeDrained";
  }
  if (IsMisplaced(model, service, replica)) {
    return "Misplaced";
  }
  return GivesWayUnhealthy(model, service, replica) ? "Unhealthy" : "";
}

bool OneOnly(const ServiceSpec& spec) { return spec.pinned() || spec.singleton; }

bool StopsFirst(const ServiceSpec& spec) { return spec.stop_first || OneOnly(spec); }

Census Count(const Model& model, const Service& service) {
  Census census;
  for (const ReplicaId id : service.replicas) {
    const Replica& replica = model.replicas.at(id);
    const ReplicaState state = replica.state;
    // What a global service has on a lost node is wanted nowhere else.
    const bool elsewhere = !service.spec || !service.spec->global ||
                           model.nodes.at(replica.record.node).status != NodeStatus::kLost;
    const bool waits = state == ReplicaState::kLost && !replica.record.superseded && elsewhere;
    // What ended by itself in a service that is no task has had its turn and keeps its place.
    const bool ended = state == ReplicaState::kCompleted && service.spec && !service.spec->task;
    if (IsActive(state) || waits || ended) {
      ++census.active;
      const bool ready = state == ReplicaState::kReady || ended;
      const bool newest = Model::IsCurrent(service, replica);
      census.newest += newest ? 1 : 0;
      if (!GivesWay(model, service, replica).empty()) {
        ++census.old;
      } else if (newest) {
        ++census.current;
        census.current_ready += ready ? 1 : 0;
      }
    } else if (state == ReplicaState::kFailed) {
      ++census.failed;
    } else if (state == ReplicaState::kDraining || state == ReplicaState::kStopping ||
               state == ReplicaState::kLost) {
      const std::optional<Instant> fenced = FencedAt(model, service, replica);
      if (model.nodes.at(replica.record.node).status != NodeStatus::kLost) {
        ++census.leaving;
      } else if (!fenced || model.now < *fenced) {
        ++census.away;
      }
    }
  }
  return census;
}

Moves NextMoves(const ServiceSpec& spec, int64_t desired, const Census& census) {
  Moves moves;
  if (census.old == 0) {
    moves.start = std::max<int64_t>(0, desired - census.active);
    moves.stop = std::max<int64_t>(0, census.active - desired);
    if (OneOnly(spec) && census.leaving + census.away > 0) {
      moves.start = 0;
    }
    return moves;
  }
  const int64_t unready = census.current - census.current_ready;
  if (StopsFirst(spec)) {
    if (census.active > desired) {
      moves.stop = census.active - desired;
    } else if (census.active < desired) {
      moves.start = OneOnly(spec) && census.leaving + census.away > 0 ? 0 : desired - census.active;
    } else if (unready == 0 && census.leaving == 0) {
      moves.stop = 1;
    }
    return moves;
  }
  // Start-first: one above desired while the new one gets ready, then one old less.
  if (census.active <= desired && unready == 0) {
    moves.start = desired + 1 - census.active;
  } else if (census.active < desired) {
    moves.start = desired - census.active;
  } else if (census.active > desired) {
    moves.stop = std::min(census.old, std::max<int64_t>(0, census.active - desired - unready));
    moves.stop_unready = std::clamp<int64_t>(census.active - moves.stop - (desired + 1), 0, unready);
  }
  return moves;
}

std::string GateOf(const Model& model, const Service& service, const Census& census) {
  const ServiceSpec& spec = *service.spec;
  if (census.newest == 0 && !spec.before_rollout) {
    if (const Service* task = TaskBefore(model, service)) {
      return WaitForTask(model, *task);
    }
  }
  if (service.record.next_number > 1) {
    return "";
  }
  for (const DependencySpec& dependency : spec.depends_on) {
    if (std::string wait = WaitFor(model, service, dependency); !wait.empty()) {
      return wait;
    }
  }
  return "";
}

}  // namespace drover::controller
