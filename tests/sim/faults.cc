#include "tests/sim/faults.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace drover::sim {
namespace {

// So many hosts stay, the edges among them: without room nothing can converge.
constexpr int kHostsThatStay = 3;

}  // namespace

Faults::Faults(World* world) : world_(world), prng_(Prng(world->options.seed).Split("faults")) {}

Duration Faults::UpTo(Duration most) { return most * prng_.Uniform(); }

Host& Faults::AnyHost() { return *world_->hosts[prng_.Below(world_->hosts.size())]; }

void Faults::Every(Duration mean, const std::function<void()>& fault) {
  if (mean == absl::InfiniteDuration()) {
    return;
  }
  world_->queue.After(2 * mean * prng_.Uniform(), [=, this] {
    if (!world_->faults) {
      return;
    }
    ++done_;
    fault();
    Every(mean, fault);
  });
}

void Faults::Plan() {
  PlanController();
  PlanHosts();
  PlanContainers();
  PlanBalancers();
  const Options& o = world_->options;
  Every(o.queue_away, [this] {
    const bool hangs = prng_.Chance(0.5);
    world_->trace.Add("world", hangs ? "the broker hangs" : "the broker refuses");
    world_->load->SetBroker(hangs ? Load::Broker::kHangs : Load::Broker::kRefuses);
    world_->queue.After(UpTo(absl::Minutes(2)), [this] { world_->load->SetBroker(Load::Broker::kAnswers); });
  });
  Every(o.load_change, [this] { world_->load->Change(); });
  Every(o.load_spike, [this] { world_->load->Spike(UpTo(absl::Minutes(1))); });
}

// ---- the controller ---------------------------------------------------------------------------------

void Faults::PlanController() {
  const Options& o = world_->options;
  ControllerHost& controller = *world_->controller;
  Every(o.controller_crash, [&controller] {
    if (!controller.on_other_store()) {
      controller.Crash();
    }
  });
  Every(o.controller_freeze, [this, &controller] { controller.Freeze(UpTo(absl::Seconds(30))); });
  Every(o.old_store, [this] { OldStore(); });
  Every(o.disk_full, [this, &controller] { controller.FillDisk(UpTo(absl::Minutes(3))); });
  Every(o.wall_step, [this, &controller] {
    const Duration step = UpTo(prng_.Chance(0.5) ? absl::Seconds(90) : absl::Hours(30));
    controller.StepWall(prng_.Chance(0.5) ? step : -step);
  });
}

// A node that never joined a cluster rightly joins any, and one that has not heard of a later epoch can't
// know that it is an old one.
void Faults::OldStore() {
  const bool empty = prng_.Chance(0.3);
  const Epoch epoch = world_->controller->EpochOfOldStore();
  const bool known = std::all_of(world_->hosts.begin(), world_->hosts.end(), [&](const auto& host) {
    return host->dead() ||
           (!host->disk().cluster.value().empty() && (empty || host->disk().highest_epoch > epoch));
  });
  if (known && world_->controller->StartOnOtherStore(empty)) {
    world_->trace.Add("world", "the controller runs on another store");
    world_->queue.After(UpTo(absl::Minutes(2)), [this] {
      if (world_->controller->on_other_store()) {
        world_->controller->RestoreStore();
      }
    });
  }
}

// ---- hosts and the network --------------------------------------------------------------------------

void Faults::PlanHosts() {
  const Options& o = world_->options;
  Every(o.agent_crash, [this] {
    Host& host = AnyHost();
    host.CrashAgent();
    world_->queue.After(UpTo(prng_.Chance(0.3) ? absl::Minutes(2) : absl::Seconds(5)),
                        [&host] { host.StartAgent(); });
  });
  Every(o.agent_freeze, [this] { AnyHost().Freeze(UpTo(absl::Seconds(60))); });
  Every(o.host_reboot, [this] {
    Host& host = AnyHost();
    host.Reboot();
    world_->queue.After(absl::Seconds(10) + UpTo(absl::Minutes(2)), [&host] { host.StartAgent(); });
  });
  Every(o.host_death, [this] { Death(); });
  Every(o.partition, [this] { Partition(); });
  Every(o.stream_break, [this] { world_->network->Break(AnyHost().index()); });
  Every(o.engine_away, [this] {
    Host& host = AnyHost();
    host.SetEngineAway(true);
    world_->queue.After(UpTo(absl::Minutes(1)), [&host] { host.SetEngineAway(false); });
  });
  Every(o.engine_hang, [this] { AnyHost().HangEngine(UpTo(absl::Minutes(3))); });
  Every(o.sampler_stuck, [this] {
    const Duration length = UpTo(absl::Minutes(3));
    for (const auto& host : world_->hosts) {
      if (prng_.Chance(0.5)) {
        host->StickSampler(length);
      }
    }
  });
}

void Faults::Partition() {
  const bool both = prng_.Chance(0.7);
  const bool up = !both && prng_.Chance(0.5);
  const size_t hosts = world_->hosts.size();
  const size_t many = prng_.Chance(0.2) ? hosts / 2 : 1;
  const size_t first = prng_.Below(hosts);
  const Duration length = UpTo(prng_.Chance(0.5) ? absl::Seconds(15) : absl::Minutes(3));
  for (size_t i = 0; i < many; ++i) {
    const int index = static_cast<int>((first + i) % hosts);
    world_->trace.Add(world_->host(index).name(), both ? "is cut off"
                                                  : up ? "does not receive"
                                                       : "is not heard");
    world_->network->SetLink(index, up, !both && !up);
    world_->queue.After(length, [this, index] { world_->network->SetLink(index, true, true); });
  }
}

// An edge that is gone for good leaves the sets by an operator's word only (R6.3).
void Faults::Death() {
  const int stay = std::max(kHostsThatStay, world_->options.edges);
  int alive = 0;
  for (const auto& host : world_->hosts) {
    alive += host->dead() ? 0 : 1;
  }
  Host& host = AnyHost();
  if (alive > stay && host.edge() == nullptr && !host.dead()) {
    host.Die();
  }
}

// ---- containers -------------------------------------------------------------------------------------

void Faults::PlanContainers() {
  const Options& o = world_->options;
  Every(o.container_crash, [this] { CrashContainer(); });
  Every(o.unhealthy, [this] { Unhealthy(); });
  Every(o.by_hand, [this] {
    Host& host = AnyHost();
    if (!host.engine().boxes().empty() && !host.dead()) {
      const ReplicaId id = host.engine().boxes().begin()->first;
      world_->trace.Add(host.name(), absl::StrCat("docker rm -f ", ToString(id)));
      host.engine().RemoveByHand(id);
    }
  });
}

void Faults::CrashContainer() {
  Host& host = AnyHost();
  for (const auto& [id, box] : host.engine().boxes()) {
    if (prng_.Chance(0.3)) {
      const bool oom = prng_.Chance(0.2);
      if (host.engine().Crash(id, oom ? 137 : 1, oom)) {
        world_->trace.Add(host.name(), absl::StrCat("container of ", ToString(id), " crashes"));
      }
      return;
    }
  }
}

// One container, or all of a service together: a shared cause (R2.6).
void Faults::Unhealthy() {
  const char* const names[] = {"api", "web", "site"};
  const std::string service = names[prng_.Below(std::size(names))];
  const bool all = prng_.Chance(0.3);
  const Duration length = UpTo(prng_.Chance(0.5) ? absl::Seconds(20) : absl::Minutes(3));
  for (const auto& host : world_->hosts) {
    if (host->engine().MakeUnhealthy(service, length, all)) {
      world_->trace.Add(host->name(), absl::StrCat(all ? "all" : "one", " of ", service, " unhealthy for ",
                                                   absl::FormatDuration(length)));
      if (!all) {
        return;
      }
    }
  }
}

// ---- balancers and consumers ------------------------------------------------------------------------

void Faults::PlanBalancers() {
  const Options& o = world_->options;
  Every(o.edge_restart, [this] {
    Host& host = AnyHost();
    if (host.edge() != nullptr) {
      world_->trace.Add(host.name(), "balancer restarts");
      host.edge()->Restart();
    }
  });
  Every(o.edge_wipe, [this] {
    Host& host = AnyHost();
    if (host.edge() != nullptr) {
      world_->trace.Add(host.name(), "balancer forgets its servers");
      host.edge()->Wipe();
    }
  });
  Every(o.consumer_away, [this] { world_->consumer->GoAway(UpTo(absl::Minutes(2))); });
}

}  // namespace drover::sim
