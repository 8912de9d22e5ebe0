#include "tests/fuzz/step_checks.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "controller/core/autoscale/replay.h"
#include "tests/fuzz/expect.h"

namespace drover::fuzz {
namespace {

using controller::AutoscaleSpec;
using controller::Decision;
using controller::Evaluation;
using controller::FakeStore;
using controller::Ready;
using controller::ReplicaRecord;

constexpr int64_t kSurge = 1;  // one replica at a time is replaced, start-first

int64_t LeastOf(const AutoscaleSpec& spec) {
  return std::min(spec.min, spec.idle_replicas.value_or(spec.min));
}

// A stored `assigned` stands for all that only the agents' reports tell apart, and may have come and gone
// between two commits.
bool IsStoredStep(ReplicaState from, ReplicaState to) {
  const bool running =
      IsLegalStep(from, ReplicaState::kRunning) || IsLegalStep(from, ReplicaState::kStarting);
  return IsLegalStep(from, to) ||
         (running && (to == ReplicaState::kAssigned || IsLegalStep(ReplicaState::kRunning, to)));
}

bool IsFinite(const Decision& decision) {
  return std::all_of(decision.signals.begin(), decision.signals.end(), [](const auto& signal) {
    return std::isfinite(signal.value.value_or(0)) && std::isfinite(signal.target);
  });
}

// Down by the signals, though one of them is not known and nothing was declared to stand in for it. KEDA
// takes a source that fails for one without work.
bool IsDownOnPartialKnowledge(const Evaluation& evaluation) {
  const Decision& decision = *evaluation.decision;
  const AutoscaleSpec& spec = *evaluation.spec;
  const int64_t free_to_stay = std::min(evaluation.input.current, spec.max);
  const bool unknown = std::any_of(decision.signals.begin(), decision.signals.end(),
                                   [](const auto& signal) { return !signal.unknown_reason.empty(); });
  return unknown && decision.desired < free_to_stay && !spec.fallback && !evaluation.input.held &&
         spec.policy != AutoscaleSpec::Policy::kKeda;
}

void CheckEvaluation(const Evaluation& evaluation, controller::Replayer& replayer) {
  const Decision& decision = *evaluation.decision;
  const AutoscaleSpec& spec = *evaluation.spec;
  const std::string text = controller::ToText(decision);
  Expect(decision.desired >= LeastOf(spec) && decision.desired <= spec.max, "R3.3: min ≤ desired ≤ max",
         text);
  Expect(IsFinite(decision), "a decision's figures are finite", text);
  Expect(!IsDownOnPartialKnowledge(evaluation), "R4.2: partial knowledge never scales down", text);
  Expect(!spec.dry_run || decision.desired == evaluation.input.current, "a dry run changes nothing", text);
  const std::optional<Decision> again = replayer.Next(evaluation);
  Expect(!again || *again == decision, "the same evaluation gives the same decision", text);
}

void CheckRun(const controller::RunReplica& run, const NodeId& node, const FakeStore& store) {
  const auto record = store.replicas().find(run.id);
  Expect(record != store.replicas().end() && record->second.node == node,
         "R1.8: what is to run is in the store, on that node", ToString(run.id));
  Expect(record->second.state != ReplicaState::kStopping, "what stops is not to run", ToString(run.id));
}

void CheckRemove(const controller::RemoveReplica& remove, const NodeId& node, const FakeStore& store) {
  const auto record = store.replicas().find(remove.id);
  Expect(record != store.replicas().end() && record->second.node == node,
         "R1.3: only what the store has on that node is stopped", ToString(remove.id));
  Expect(record->second.state == ReplicaState::kStopping, "R1.8: the stop is in the store",
         ToString(remove.id));
}

}  // namespace

void StepChecks::OnChanges(const Ready& ready, const FakeStore& store) {
  for (const controller::StoreChange& change : ready.changes) {
    if (const auto* stack = std::get_if<controller::StackRecord>(&change)) {
      stacks_[stack->name] = stack->spec;
    }
  }
  for (const controller::StoreChange& change : ready.changes) {
    if (const auto* replica = std::get_if<ReplicaRecord>(&change)) {
      OnReplica(*replica, store);
    } else if (const auto* service = std::get_if<controller::ServiceRecord>(&change)) {
      OnService(*service);
    } else if (const auto* deleted = std::get_if<controller::DeleteReplica>(&change)) {
      gone_.insert(deleted->id);
    }
  }
}

void StepChecks::OnReplica(const ReplicaRecord& record, const FakeStore& store) {
  const auto before = store.replicas().find(record.id);
  if (before == store.replicas().end()) {
    Expect(!gone_.contains(record.id), "no id is used twice", ToString(record.id));
  } else {
    Expect(IsStoredStep(before->second.state, record.state), "R3.1: legal steps",
           absl::StrCat(ToString(before->second.state), " to ", ToString(record.state)));
  }
  if (!record.node.value().empty()) {
    const auto [it, fresh] = node_of_.try_emplace(record.id, record.node);
    Expect(it->second == record.node, "R3.2: an id belongs to one node", ToString(record.id));
  }
}

void StepChecks::OnService(const controller::ServiceRecord& record) {
  for (const controller::ServiceSpec& spec : stacks_[record.key.stack].services) {
    if (spec.name == record.key.service && spec.autoscale) {
      Expect(record.desired >= LeastOf(*spec.autoscale) && record.desired <= spec.autoscale->max,
             "R3.3: min ≤ stored count ≤ max", absl::StrCat(ToString(record.key), " ", record.desired));
    }
  }
  Expect(record.desired >= 0, "a count is not negative", ToString(record.key));
}

void StepChecks::OnHistory(const Ready& ready) {
  for (const controller::HistoryItem& item : ready.history) {
    if (const auto* evaluation = std::get_if<Evaluation>(&item)) {
      CheckEvaluation(*evaluation, replayers_[evaluation->decision->service]);
    }
  }
}

void StepChecks::OnAssignment(const controller::Assignment& assignment, const NodeId& node,
                              const FakeStore& store, Epoch epoch) {
  Expect(assignment.epoch == epoch, "R1.2: orders are of the epoch that decided them");
  std::set<ReplicaId> run;
  for (const controller::RunReplica& entry : assignment.run) {
    CheckRun(entry, node, store);
    Expect(run.insert(entry.id).second, "a replica is listed once", ToString(entry.id));
  }
  for (const controller::RemoveReplica& entry : assignment.remove) {
    CheckRemove(entry, node, store);
    Expect(!run.contains(entry.id), "nothing is to run and to stop", ToString(entry.id));
  }
}

void StepChecks::OnOrders(const Ready& ready, const FakeStore& store, Epoch epoch,
                          const std::map<NodeId, Peer>& peers) {
  for (const controller::Order& order : ready.orders) {
    Expect(peers.contains(order.node), "orders go to nodes that said hello", order.node.value());
    if (const auto* assignment = std::get_if<controller::Assignment>(&order.body)) {
      OnAssignment(*assignment, order.node, store, epoch);
    } else if (const auto* sets = std::get_if<controller::BackendSets>(&order.body)) {
      Expect(sets->epoch == epoch, "R6.1: backend sets are of the epoch that decided them");
    }
  }
}

void StepChecks::OnView(const controller::View& view) {
  for (const auto& [key, service] : view.services) {
    const auto stack = view.stacks.find(key.stack);
    if (stack == view.stacks.end() || stack->second->removing) {
      continue;
    }
    const int64_t active = std::count_if(
        service->replicas.begin(), service->replicas.end(), [&](const controller::ReplicaView& replica) {
          const auto node = view.nodes.find(replica.record.node);
          const bool here = node != view.nodes.end() && node->second->status != controller::NodeStatus::kLost;
          return here && IsActive(replica.state);
        });
    const auto& autoscale = service->spec.autoscale;
    const int64_t most = (autoscale ? autoscale->max : service->record.desired) + kSurge;
    Expect(active <= most, "R3.3: replicas ≤ max + surge",
           absl::StrCat(ToString(key), ": ", active, " active, at most ", most,
                        service->spec.task ? ", task" : "", "; ", service->status));
  }
}

}  // namespace drover::fuzz
