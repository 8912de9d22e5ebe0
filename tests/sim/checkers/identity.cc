#include "tests/sim/checkers/identity.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace drover::sim {
namespace {

constexpr char kOneIdOneNode[] = "5 (one id, one node)";
// R1.4 lets a node remove few at a time; while that many are under way the others may wait.
constexpr int64_t kRemovedAtOnce = 2;
// 10 s, and two for the way.
constexpr Duration kToldWithin = absl::Seconds(12);

bool CanWork(const World& world, const Host& host) {
  const ControllerHost& c = *world.controller;
  return c.alive() && !c.frozen() && !c.committing() && !c.on_other_store() && c.view() != nullptr &&
         c.view()->ready && host.agent_alive() && !host.frozen() && host.connected() &&
         world.network->Open(host.index());
}

}  // namespace

void Identity::OnCommit(const World&, const std::vector<controller::StoreChange>& changes) {
  for (const controller::StoreChange& change : changes) {
    const auto* record = std::get_if<controller::ReplicaRecord>(&change);
    if (record == nullptr || record->node.value().empty()) {
      continue;
    }
    const auto [it, added] = node_of_.emplace(record->id, record->node);
    if (!added && it->second != record->node) {
      sink_->Break(kOneIdOneNode, absl::StrCat(ToString(record->id), " moves from node ", it->second.value(),
                                               " to ", record->node.value()));
    }
  }
}

void Identity::OnContainer(int host, ReplicaId id) {
  const auto [it, added] = host_of_.emplace(id, host);
  if (!added && it->second != host) {
    sink_->Break(kOneIdOneNode, absl::StrCat(ToString(id), " has a container on host", host,
                                             " and had one on host", it->second));
  }
}

void Identity::OnSecond(const World& world) {
  for (const auto& host : world.hosts) {
    Health& health = healthy_[host->index()];
    const std::pair who(world.controller->process(), host->process());
    const Store& store = world.controller->store();
    const int64_t under_way =
        std::count_if(store.replicas.begin(), store.replicas.end(), [&](const auto& entry) {
          return entry.second.node == host->node() && entry.second.state == ReplicaState::kStopping;
        });
    if (!CanWork(world, *host) || health.who != who || under_way >= kRemovedAtOnce) {
      health = {who, world.queue.now()};
      continue;
    }
    if (world.queue.now() - health.since < kToldWithin) {
      continue;
    }
    const auto& remove = host->disk().remove;
    for (const auto& [id, record] : store.replicas) {
      if (record.node != host->node() || !record.superseded || !host->engine().boxes().contains(id)) {
        continue;
      }
      if (std::none_of(remove.begin(), remove.end(), [&](const auto& r) { return r.id == id; })) {
        sink_->Break(kOneIdOneNode,
                     absl::StrCat("superseded ", ToString(id), " on ", host->name(),
                                  " is not told to stop within ", absl::FormatDuration(kToldWithin)));
      }
    }
  }
}

}  // namespace drover::sim
