#include "tests/sim/checkers/restart.h"

#include <memory>
#include <set>
#include <variant>

#include "absl/strings/str_cat.h"
#include "controller/core/core.h"
#include "tests/sim/world.h"

namespace drover::sim {
namespace {

constexpr char kRestartIsInvisible[] = "10 (restart leads to the same desired state)";
constexpr uint64_t kAloneEvery = 20;  // of the cores that are started
// Longer than the controller waits for nodes after its start (R2.4), and than any window of scaling down.
constexpr Duration kAloneFor = absl::Minutes(4);

}  // namespace

void Restart::OnCommitted(const World& world) {
  if (++commits_ % world.options.restart_every != 0) {
    return;
  }
  const ControllerHost& host = *world.controller;
  Instant now = host.LocalNow();
  controller::Core core(
      controller::CoreOptions{}, host.store().State(),
      controller::CoreStart{
          .now = now, .wall = host.Wall(), .epoch = Epoch(host.store().epoch.value() + 1), .seed = commits_});
  core.Step(controller::Tick{.now = now, .wall = host.Wall()});
  controller::Ready ready = core.TakeReady();
  if (ready.view) {
    Compare(world, *ready.view, "a core started from the store");
  }
  if (++started_ % kAloneEvery != 0) {
    return;
  }
  // Nobody connects: all that it does not know orders nothing and lowers no count.
  for (const Instant end = now + kAloneFor; now < end;) {
    now = now + absl::Seconds(1);
    core.Step(controller::Tick{.now = now, .wall = host.Wall()});
    ready = core.TakeReady();
    if (!ready.orders.empty()) {
      sink_->Break(kRestartIsInvisible, "a core that hears nobody sends an order");
    }
    for (const controller::StoreChange& change : ready.changes) {
      const auto* record = std::get_if<controller::ServiceRecord>(&change);
      const auto stored =
          record != nullptr ? host.store().services.find(record->key) : host.store().services.end();
      if (stored != host.store().services.end() && record->desired < stored->second.desired) {
        sink_->Break(kRestartIsInvisible,
                     absl::StrCat("a core that hears nobody lowers ", ToString(record->key), " from ",
                                  stored->second.desired, " to ", record->desired));
      }
    }
  }
}

void Restart::OnView(const World& world, const controller::View& view) {
  Compare(world, view, "the running core");
}

void Restart::Compare(const World& world, const controller::View& view, const char* who) {
  const Store& store = world.controller->store();
  for (const auto& [key, record] : store.services) {
    const auto it = view.services.find(key);
    if (it == view.services.end()) {
      sink_->Break(kRestartIsInvisible, absl::StrCat(who, " does not know ", ToString(key)));
    } else if (it->second->record.desired != record.desired) {
      sink_->Break(kRestartIsInvisible, absl::StrCat(who, " wants ", it->second->record.desired, " of ",
                                                     ToString(key), ", the store says ", record.desired));
    }
  }
  std::set<ReplicaId> shown;
  for (const auto& [key, service] : view.services) {
    for (const controller::ReplicaView& replica : service->replicas) {
      const ReplicaId id = replica.record.id;
      shown.insert(id);
      const auto it = store.replicas.find(id);
      if (it == store.replicas.end() || it->second.node != replica.record.node) {
        sink_->Break(kRestartIsInvisible,
                     absl::StrCat(who, " has ", ToString(id), " of ", ToString(key), ", the store has not"));
      }
    }
  }
  for (const auto& [id, record] : store.replicas) {
    // What waits for room was never sent to anybody, and may be taken back at once.
    if (!shown.contains(id) && record.state != ReplicaState::kPending) {
      sink_->Break(kRestartIsInvisible,
                   absl::StrCat(who, " does not show ", ToString(id), " of ", ToString(record.service)));
    }
  }
}

}  // namespace drover::sim
