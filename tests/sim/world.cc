#include "tests/sim/world.h"

#include <algorithm>

namespace drover::sim {

World::World(const Options& options_in)
    : options(options_in),
      trace(&queue, options_in.verbose),
      mishaps(this),
      aftermath(this),
      prng_(Prng(options_in.seed).Split("world")) {
  network = std::make_unique<Network>(this);
  controller = std::make_unique<ControllerHost>(this);
  load = std::make_unique<Load>(this);
  consumer = std::make_unique<Consumer>(this);
  people = std::make_unique<Operator>(this);
  for (int i = 0; i < options.hosts; ++i) {
    hosts.push_back(std::make_unique<Host>(this, i));
  }
}

const Host* World::FindHost(const NodeId& node) const {
  const auto it = std::find_if(hosts.begin(), hosts.end(), [&](const auto& h) { return h->node() == node; });
  return it != hosts.end() ? it->get() : nullptr;
}

// What happens every second whatever else does.
void World::Second() {
  load->Tick();
  checks.OnSecond(*this);
  if (!controller->alive() && !controller->on_other_store() && (!faults || prng_.Chance(0.2))) {
    controller->Start();
  }
  people->Second();
  queue.After(absl::Seconds(1), [this] { Second(); });
}

bool World::RunUntil(Instant end) {
  while (!checks.sink.broken() && queue.RunNext(end)) {
  }
  return !checks.sink.broken();
}

void World::Heal() {
  trace.Add("world", "heals: no more faults, no load");
  faults = false;
  if (controller->on_other_store()) {
    controller->RestoreStore();
  }
  load->Stop();
  for (const auto& host : hosts) {
    network->SetLink(host->index(), true, true);
    host->MendEngine();
    queue.After(absl::Seconds(1), [&host] { host->StartAgent(); });
  }
  people->Settle();
}

bool World::Run() {
  controller->Start();
  for (const auto& host : hosts) {
    host->StartAgent();
  }
  consumer->Start();
  queue.After(absl::Seconds(1), [this] { Second(); });
  mishaps.Plan();
  mishaps.Every(options.operation, [this] { people->Operate(); });
  if (!RunUntil(Instant() + options.length)) {
    return false;
  }
  Heal();
  return aftermath.Converge() && aftermath.Settle();
}

}  // namespace drover::sim
