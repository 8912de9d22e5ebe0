#include "tests/sim/checkers/idle.h"

#include <optional>
#include <set>
#include <variant>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace drover::sim {
namespace {

constexpr char kIdleFirst[] = "3 (idle replicas go first)";
constexpr Duration kLately = absl::Seconds(2);  // the core believes more; what is younger it must believe

}  // namespace

void Idle::OnReport(const World& world, const Host& host, const controller::NodeReport& report) {
  const Instant sent = host.ToWorld(report.sent);
  for (const controller::ReplicaSample& sample : report.replicas) {
    for (const auto& [id, record] : world.controller->store().replicas) {
      if (record.node == report.node && record.handle == sample.handle) {
        said_[id] = {.state = sample.state, .jobs = sample.busy, .at = sent - sample.age};
      }
    }
  }
  if (report.edge) {
    auto& [at, rows] = in_flight_[report.node];
    at = sent;
    rows.clear();
    for (const controller::EdgeSetStatus& set : report.edge->sets) {
      if (set.applied_epoch != world.controller->store().epoch) {
        continue;  // its handle may mean another service
      }
      for (const controller::EdgeServer& server : set.servers) {
        rows[server.replica] += server.in_flight;
      }
    }
  }
}

std::optional<int64_t> Idle::BusyOf(const World& world, const controller::ReplicaRecord& record) const {
  const Instant since = world.queue.now() - kLately;
  const auto word = said_.find(record.id);
  if (word == said_.end() || word->second.at < since) {
    return std::nullopt;
  }
  std::optional<int64_t> busy = word->second.jobs;
  for (const auto& host : world.hosts) {
    if (host->edge() == nullptr || record.published.empty()) {
      continue;
    }
    const auto edge = in_flight_.find(host->node());
    if (edge == in_flight_.end() || edge->second.first < since || !host->connected()) {
      return std::nullopt;
    }
    const auto row = edge->second.second.find(record.id);
    if (row == edge->second.second.end()) {
      return std::nullopt;
    }
    busy = busy.value_or(0) + row->second;
  }
  return busy;
}

void Idle::OnTaken(const World& world, const controller::Ready& ready) {
  const Store& store = world.controller->store();
  std::set<ReplicaId> changed;
  for (const controller::StoreChange& change : ready.changes) {
    if (const auto* record = std::get_if<controller::ReplicaRecord>(&change)) {
      changed.insert(record->id);
    }
    if (const auto* deleted = std::get_if<controller::DeleteReplica>(&change)) {
      changed.insert(deleted->id);
    }
  }
  for (const controller::StoreChange& change : ready.changes) {
    const auto* record = std::get_if<controller::ReplicaRecord>(&change);
    const bool leaves =
        record != nullptr && record->reason == "ScaleDown" &&
        (record->state == ReplicaState::kDraining || record->state == ReplicaState::kStopping);
    const auto before = leaves ? store.replicas.find(record->id) : store.replicas.end();
    if (before == store.replicas.end() || before->second.state != ReplicaState::kAssigned) {
      continue;
    }
    // What must leave its node goes before what may stay.
    if (store.nodes.at(record->node).availability != controller::NodeAvailability::kActive) {
      continue;
    }
    const auto word = said_.find(record->id);
    const bool was_ready = word != said_.end() && word->second.state == ReplicaState::kReady;
    const std::optional<int64_t> busy = BusyOf(world, *record);
    for (const auto& [id, other] : store.replicas) {
      const auto its_word = said_.find(id);
      if (changed.contains(id) || other.service != record->service || its_word == said_.end() ||
          other.spec_hash != record->spec_hash || other.state != ReplicaState::kAssigned) {
        continue;
      }
      const bool starts =
          IsStarting(its_word->second.state) && world.queue.now() - its_word->second.at < kLately;
      const std::optional<int64_t> its_busy = BusyOf(world, other);
      const bool idle = its_word->second.state == ReplicaState::kReady && its_busy == 0;
      if (was_ready && (starts || (busy.value_or(0) > 0 && idle))) {
        sink_->Break(kIdleFirst,
                     absl::StrCat(ToString(record->id), " of ", ToString(record->service), ", ready with ",
                                  busy.value_or(0), " in hand, is stopped, while ", ToString(id),
                                  starts ? " is still starting" : " is idle"));
      }
    }
  }
}

}  // namespace drover::sim
