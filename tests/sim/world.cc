#include "tests/sim/world.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"

namespace drover::sim {
namespace {

// Time to converge after the faults end: the longest crash back-off (5 min), the scale-down windows,
// and what a mass hold or a slow drain adds.
constexpr Duration kConvergeWithin = absl::Minutes(20);
// It must stay converged for this long.
constexpr Duration kStaysFor = absl::Seconds(10);

Duration UpTo(Prng& prng, Duration most) { return most * prng.Uniform(); }

}  // namespace

World::World(const Options& options_in)
    : options(options_in), trace(&queue, options_in.verbose), prng_(Prng(options_in.seed).Split("world")) {
  network = std::make_unique<Network>(this);
  controller = std::make_unique<ControllerHost>(this);
  load = std::make_unique<Load>(this);
  for (int i = 0; i < options.hosts; ++i) {
    hosts.push_back(std::make_unique<Host>(this, i));
  }
}

const Host* World::FindHost(const NodeId& node) const {
  const auto it = std::find_if(hosts.begin(), hosts.end(), [&](const auto& h) { return h->node() == node; });
  return it != hosts.end() ? it->get() : nullptr;
}

Host& World::AnyHost() { return *hosts[prng_.Below(hosts.size())]; }

// ---- faults -----------------------------------------------------------------------------------------

// Calls `fault` again and again, on average every `mean`, while faults are on.
void World::Every(Duration mean, std::function<void()> fault) {
  if (mean == absl::InfiniteDuration()) {
    return;
  }
  queue.After(2 * mean * prng_.Uniform(), [=, this] {
    if (!faults) {
      return;
    }
    ++faults_done;
    fault();
    Every(mean, fault);
  });
}

void World::PlanFaults() {
  const Options& o = options;
  Every(o.controller_crash, [this] {
    if (!controller->on_other_store()) {
      controller->Crash();
    }
  });
  Every(o.controller_freeze, [this] { controller->Freeze(UpTo(prng_, absl::Seconds(30))); });
  Every(o.old_store, [this] {
    // A node that never joined a cluster rightly joins any.
    const bool joined = std::all_of(hosts.begin(), hosts.end(),
                                    [](const auto& host) { return !host->disk().cluster.value().empty(); });
    if (joined && controller->StartOnOtherStore(prng_.Chance(0.3))) {
      trace.Add("world", "the controller runs on another store");
      queue.After(UpTo(prng_, absl::Minutes(2)), [this] {
        if (controller->on_other_store()) {
          controller->RestoreStore();
        }
      });
    }
  });
  Every(o.queue_away, [this] {
    const bool hangs = prng_.Chance(0.5);
    trace.Add("world", hangs ? "the broker hangs" : "the broker refuses");
    load->SetBroker(hangs ? Load::Broker::kHangs : Load::Broker::kRefuses);
    queue.After(UpTo(prng_, absl::Minutes(2)), [this] { load->SetBroker(Load::Broker::kAnswers); });
  });
  Every(o.load_change, [this] { load->Change(); });
  Every(o.operation, [this] { Operate(); });
  PlanHostFaults();
}

void World::PlanHostFaults() {
  const Options& o = options;
  Every(o.agent_crash, [this] {
    Host& host = AnyHost();
    host.CrashAgent();
    queue.After(UpTo(prng_, prng_.Chance(0.3) ? absl::Minutes(2) : absl::Seconds(5)),
                [&host] { host.StartAgent(); });
  });
  Every(o.agent_freeze, [this] { AnyHost().Freeze(UpTo(prng_, absl::Seconds(60))); });
  Every(o.host_reboot, [this] {
    Host& host = AnyHost();
    host.Reboot();
    queue.After(absl::Seconds(10) + UpTo(prng_, absl::Minutes(2)), [&host] { host.StartAgent(); });
  });
  Every(o.partition, [this] {
    const bool both = prng_.Chance(0.7);
    const bool up = !both && prng_.Chance(0.5);
    const size_t many = prng_.Chance(0.2) ? hosts.size() / 2 : 1;
    const size_t first = prng_.Below(hosts.size());
    const Duration length = UpTo(prng_, prng_.Chance(0.5) ? absl::Seconds(15) : absl::Minutes(3));
    for (size_t i = 0; i < many; ++i) {
      const int index = static_cast<int>((first + i) % hosts.size());
      trace.Add(host(index).name(), both ? "is cut off" : up ? "does not receive" : "is not heard");
      network->SetLink(index, up, !both && !up);
      queue.After(length, [this, index] { network->SetLink(index, true, true); });
    }
  });
  Every(o.stream_break, [this] { network->Break(AnyHost().index()); });
  Every(o.engine_away, [this] {
    Host& host = AnyHost();
    host.SetEngineAway(true);
    queue.After(UpTo(prng_, absl::Minutes(1)), [&host] { host.SetEngineAway(false); });
  });
  Every(o.container_crash, [this] {
    Host& host = AnyHost();
    for (const auto& [id, box] : host.engine().boxes()) {
      if (prng_.Chance(0.3)) {
        const bool oom = prng_.Chance(0.2);
        if (host.engine().Crash(id, oom ? 137 : 1, oom)) {
          trace.Add(host.name(), absl::StrCat("container of ", ToString(id), " crashes"));
        }
        return;
      }
    }
  });
  Every(o.by_hand, [this] {
    Host& host = AnyHost();
    if (!host.engine().boxes().empty()) {
      const ReplicaId id = host.engine().boxes().begin()->first;
      trace.Add(host.name(), absl::StrCat("docker rm -f ", ToString(id)));
      host.engine().RemoveByHand(id);
    }
  });
  Every(o.sampler_stuck, [this] {
    const Duration length = UpTo(prng_, absl::Minutes(3));
    for (const auto& host : hosts) {
      if (prng_.Chance(0.5)) {
        host->StickSampler(length);
      }
    }
  });
  Every(o.edge_restart, [this] {
    Host& host = AnyHost();
    if (host.edge() != nullptr) {
      trace.Add(host.name(), "balancer restarts");
      host.edge()->Restart();
    }
  });
}

// ---- the operator -----------------------------------------------------------------------------------

void World::Apply() {
  controller::ApplyStack apply;
  apply.spec = MakeStack(versions_, api_replicas_, registry);
  apply.who = "operator";
  controller->Ask(std::move(apply));
}

void World::Operate() {
  const ServiceKey worker{kStack, "worker"};
  switch (prng_.Below(4)) {
    case 0:
      api_replicas_ = 1 + static_cast<int64_t>(prng_.Below(5));
      trace.Add("operator", absl::StrCat("api has ", api_replicas_, " replicas"));
      break;
    case 1: {
      const char* const names[] = {"worker", "web", "api", "db", "beat"};
      const std::string name = names[prng_.Below(std::size(names))];
      versions_.try_emplace(name, 1);
      trace.Add("operator", absl::StrCat("deploys ", name, " version ", ++versions_[name]));
      break;
    }
    case 2: {
      controller::PauseService pause;
      pause.service = worker;
      pause.duration = absl::Minutes(2);
      pause.down_only = prng_.Chance(0.5);
      controller->Ask(std::move(pause));
      return;
    }
    default: {
      controller::ResumeService resume;
      resume.service = worker;
      controller->Ask(std::move(resume));
      return;
    }
  }
  applied_ = false;
}

void World::OnReply(const controller::Reply& reply) {
  if (!reply.status.ok()) {
    trace.Add("operator", absl::StrCat("refused: ", std::string(reply.status.message())));
  }
}

// ---- running ----------------------------------------------------------------------------------------

// What happens every second whatever else does.
void World::Second() {
  load->Tick();
  checks.OnSecond(*this);
  if (!controller->alive() && !controller->on_other_store() && (!faults || prng_.Chance(0.2))) {
    controller->Start();
  }
  const controller::View* view = controller->view();
  const bool ready = view != nullptr && view->ready && !controller->on_other_store();
  if (!applied_ && ready && !controller->frozen()) {
    // Repeated until it is seen: the same spec again changes nothing.
    const auto stack = view->stacks.find(kStack);
    const auto stored = controller->store().stacks.find(kStack);
    if (stack != view->stacks.end() && stored != controller->store().stacks.end() &&
        stored->second.spec == MakeStack(versions_, api_replicas_, registry)) {
      applied_ = true;
    } else {
      Apply();
    }
  }
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
    host->SetEngineAway(false);
    queue.After(absl::Seconds(1), [&host] { host->StartAgent(); });
  }
  controller::ResumeService resume;
  resume.service = {kStack, "worker"};
  queue.After(absl::Minutes(1), [this, resume] { controller->Ask(resume); });
}

bool World::Run() {
  controller->Start();
  for (const auto& host : hosts) {
    host->StartAgent();
  }
  queue.After(absl::Seconds(1), [this] { Second(); });
  PlanFaults();
  if (!RunUntil(Instant() + options.length)) {
    return false;
  }
  Heal();
  const Instant deadline = queue.now() + kConvergeWithin;
  Instant unsettled = queue.now();
  std::string why;
  while (queue.now() < deadline) {
    if (!RunUntil(queue.now() + absl::Seconds(1))) {
      return false;
    }
    why = NotConverged();
    if (!why.empty()) {
      unsettled = queue.now();
    } else if (queue.now() - unsettled > kStaysFor) {
      return true;
    }
  }
  checks.sink.Break("9 (converges after the faults)",
                    absl::StrCat("not within ", absl::FormatDuration(kConvergeWithin), ": ", why));
  return false;
}

// ---- converged --------------------------------------------------------------------------------------

std::string World::ServiceNotConverged(const std::string& service, int64_t expected) const {
  int64_t running = 0;
  int64_t ready = 0;
  for (const auto& h : hosts) {
    running += h->engine().CountRunning(service);
    ready += h->engine().CountReady(service);
  }
  if (running != expected || ready != expected) {
    return absl::StrCat(service, ": ", running, " run, ", ready, " ready, expected ", expected);
  }
  const auto view = controller->view()->services.find({kStack, service});
  if (view == controller->view()->services.end() ||
      view->second->replicas.size() != static_cast<size_t>(expected)) {
    return absl::StrCat(service, ": the controller shows another number of replicas than ", expected);
  }
  for (const controller::ReplicaView& replica : view->second->replicas) {
    if (replica.state != ReplicaState::kReady || !replica.current) {
      return absl::StrCat(service, ": ", ToString(replica.record.id), " is ", ToString(replica.state),
                          replica.current ? "" : ", of an old version");
    }
  }
  return "";
}

std::string World::NotConverged() const {
  const controller::View* view = controller->view();
  if (view == nullptr || !view->ready) {
    return view == nullptr ? "no view" : absl::StrCat("controller not ready: ", view->not_ready_reason);
  }
  if (!applied_) {
    return "the stack is not applied";
  }
  const std::pair<const char*, int64_t> expected[] = {
      {"worker", 1}, {"web", 2}, {"api", api_replicas_}, {"db", 1}, {"beat", 1}};
  for (const auto& [service, count] : expected) {
    if (std::string why = ServiceNotConverged(service, count); !why.empty()) {
      return why;
    }
  }
  for (const auto& h : hosts) {
    if (!h->connected()) {
      return absl::StrCat(h->name(), " is not connected");
    }
    if (!h->disk().remove.empty()) {
      return absl::StrCat(h->name(), " still has a remove list");
    }
    if (!h->core()->unknown().empty()) {
      return absl::StrCat(h->name(), " has a container in no list");
    }
    if (h->edge() != nullptr && h->edge()->Routed("web").size() != 2) {
      return absl::StrCat("the edge on ", h->name(), " routes to ", h->edge()->Routed("web").size(),
                          " of web");
    }
  }
  return "";
}

}  // namespace drover::sim
