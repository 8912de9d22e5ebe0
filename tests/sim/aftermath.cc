#include "tests/sim/aftermath.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace drover::sim {
namespace {

// It must stay right for so long.
constexpr Duration kStaysFor = absl::Seconds(10);
// After its limit a kind may be off for so long, while one replica takes the place of another.
constexpr Duration kMoment = absl::Seconds(30);
// Constant load: time to settle (windows of a minute, a step at a time), and to stay there.
constexpr Duration kSettleWithin = absl::Minutes(8);
constexpr Duration kSettledFor = absl::Minutes(5);

}  // namespace

struct Aftermath::Kind {
  const char* name;
  Duration limit;  // from the end of the faults
  std::string (Aftermath::*missing)() const;
};

// The limits: a crash back-off is at most 5 min, of an agent and then of the controller; a mass hold 60 s.
const Aftermath::Kind Aftermath::kKinds[] = {
    {"controller", absl::Minutes(1), &Aftermath::Controller},
    {"nodes", absl::Minutes(1), &Aftermath::Nodes},
    {"operator", absl::Minutes(4), &Aftermath::Operator},
    {"balancers", absl::Minutes(12), &Aftermath::Balancers},
    {"leftovers", absl::Minutes(12), &Aftermath::Leftovers},
    {"single", absl::Minutes(15), &Aftermath::Single},
    {"task", absl::Minutes(15), &Aftermath::Task},
    {"counts", absl::Minutes(20), &Aftermath::Counts},
};

Aftermath::Aftermath(World* world) : world_(world) {}

bool Aftermath::Converge() {
  struct Wrong {
    Instant since;
    Instant last;
  };

  const Instant healed = world_->queue.now();
  std::map<std::string, Wrong> wrong;
  bool stays = false;
  while (!stays) {
    if (!world_->RunUntil(world_->queue.now() + absl::Seconds(1))) {
      return false;
    }
    const Instant now = world_->queue.now();
    stays = true;
    for (const Kind& kind : kKinds) {
      Wrong& w = wrong.try_emplace(kind.name, Wrong{healed, healed}).first->second;
      const std::string missing = (this->*kind.missing)();
      if (!missing.empty()) {
        w.since = now - w.last > absl::Seconds(1) ? now : w.since;
        w.last = now;
      }
      stays = stays && now - w.last > kStaysFor;
      if (!missing.empty() && now - healed > kind.limit && now - w.since > kMoment) {
        world_->checks.sink.Break(
            "9 (converges after the faults)",
            absl::StrCat(kind.name, ": not within ", absl::FormatDuration(kind.limit), ": ", missing));
        return false;
      }
    }
  }
  for (const auto& [name, w] : wrong) {
    took_[name] = w.last - healed;
  }
  return true;
}

bool Aftermath::Settle() {
  world_->trace.Add("world", "constant load");
  world_->load->Hold();
  if (!world_->RunUntil(world_->queue.now() + kSettleWithin)) {
    return false;
  }
  const auto wanted = [this] {
    std::map<ServiceKey, int64_t> desired;
    for (const auto& [key, service] : world_->controller->view()->services) {
      desired[key] = service->record.desired;
    }
    return desired;
  };
  const std::map<ServiceKey, int64_t> settled = wanted();
  const Instant end = world_->queue.now() + kSettledFor;
  while (world_->queue.now() < end) {
    if (!world_->RunUntil(world_->queue.now() + absl::Seconds(1))) {
      return false;
    }
    for (const auto& [key, desired] : wanted()) {
      const auto before = settled.find(key);
      if (before == settled.end() || before->second != desired) {
        world_->checks.sink.Break(
            "8 (settles under constant load)",
            absl::StrCat(ToString(key), ": desired ", before != settled.end() ? before->second : 0, " after ",
                         absl::FormatDuration(kSettleWithin), ", then ", desired));
        return false;
      }
    }
  }
  return true;
}

// ---- what is right ----------------------------------------------------------------------------------

std::string Aftermath::Controller() const {
  const controller::View* view = world_->controller->view();
  if (view == nullptr) {
    return "no view";
  }
  return view->ready ? "" : absl::StrCat("not ready: ", view->not_ready_reason);
}

std::string Aftermath::Operator() const {
  return world_->people->satisfied() ? "" : "what was asked is not in force";
}

std::string Aftermath::Nodes() const {
  for (const auto& host : world_->hosts) {
    if (!host->dead() && !host->connected()) {
      return absl::StrCat(host->name(), " is not connected");
    }
  }
  return "";
}

std::string Aftermath::Leftovers() const {
  for (const auto& host : world_->hosts) {
    if (host->dead()) {
      continue;
    }
    if (!host->disk().remove.empty()) {
      return absl::StrCat(host->name(), " still has a remove list");
    }
    if (host->core() == nullptr || !host->core()->unknown().empty()) {
      return absl::StrCat(host->name(), " has a container in no list");
    }
  }
  return "";
}

// The only node that may run it is gone, or nobody can say that its container there does not run (R7.1).
bool Aftermath::DataIsGone() const {
  const Store& store = world_->controller->store();
  const auto is_gone = [this](const NodeId& node) {
    const Host* host = world_->FindHost(node);
    return host != nullptr && host->dead();
  };
  const auto db = store.services.find({kStack, "db"});
  return (db != store.services.end() && is_gone(db->second.data_node)) ||
         std::any_of(store.replicas.begin(), store.replicas.end(), [&](const auto& entry) {
           return entry.second.service.service == "db" && is_gone(entry.second.node);
         });
}

std::string Aftermath::Single() const {
  std::string missing = NotAt("beat", 1);
  return missing.empty() ? NotAt("db", DataIsGone() ? 0 : 1) : missing;
}

std::string Aftermath::Counts() const {
  const std::pair<const char*, int64_t> expected[] = {
      {"worker", 1}, {"web", 2}, {"lazy", 0}, {"api", world_->people->api_replicas()}};
  for (const auto& [service, count] : expected) {
    if (std::string missing = NotAt(service, count); !missing.empty()) {
      return missing;
    }
  }
  const controller::View* view = world_->controller->view();
  const auto site =
      view != nullptr ? view->services.find({kStack, "site"}) : decltype(view->services.end()){};
  if (view == nullptr || site == view->services.end()) {
    return "site is not known";
  }
  const int64_t desired = site->second->record.desired;
  return desired == 1 || desired == 3
             ? NotAt("site", desired)
             : absl::StrCat("site: desired ", desired, "\n",
                            site->second->decision ? ToText(*site->second->decision) : "");
}

// A run that was on a host that is gone is not repeated (R7.3).
std::string Aftermath::Task() const {
  const Store& store = world_->controller->store();
  const auto stack = store.stacks.find(kStack);
  const auto task = store.services.find({kStack, "migrate"});
  if (stack == store.stacks.end() || task == store.services.end()) {
    return "migrate is not known";
  }
  for (const auto& [id, record] : store.replicas) {
    const Host* host = world_->FindHost(record.node);
    if (record.service.service == "migrate" && host != nullptr && host->dead()) {
      return "";
    }
  }
  return task->second.task_revision_done == stack->second.revision ? "" : "migrate has not completed";
}

std::string Aftermath::Balancers() const {
  std::set<ReplicaId> ready;
  for (const auto& host : world_->hosts) {
    for (const auto& [id, box] : host->engine().boxes()) {
      if (box.container.service == "web" && host->engine().IsReady(box)) {
        ready.insert(id);
      }
    }
  }
  for (const auto& host : world_->hosts) {
    if (host->edge() == nullptr) {
      continue;
    }
    const std::vector<ReplicaId> routed = host->edge()->Routed("web");
    if (std::set<ReplicaId>(routed.begin(), routed.end()) != ready) {
      return absl::StrCat("the edge on ", host->name(), " routes to ", routed.size(), " of ", ready.size(),
                          " ready web");
    }
  }
  return world_->consumer->routed() == ready
             ? ""
             : absl::StrCat(kConsumer, " routes to ", world_->consumer->routed().size(), " of ",
                            ready.size());
}

std::string Aftermath::NotAt(const std::string& service, int64_t expected) const {
  int64_t running = 0;
  int64_t ready = 0;
  for (const auto& host : world_->hosts) {
    running += host->engine().CountRunning(service);
    ready += host->engine().CountReady(service);
  }
  if (running != expected || ready != expected) {
    return absl::StrCat(service, ": ", running, " run, ", ready, " ready, expected ", expected);
  }
  const controller::View* view = world_->controller->view();
  if (view == nullptr) {
    return "no view";
  }
  const auto it = view->services.find({kStack, service});
  if (it == view->services.end()) {
    return absl::StrCat(service, " is not known");
  }
  int64_t shown = 0;
  for (const controller::ReplicaView& replica : it->second->replicas) {
    const Host* host = world_->FindHost(replica.record.node);
    if (host != nullptr && host->dead()) {
      continue;
    }
    ++shown;
    if (replica.state != ReplicaState::kReady || !replica.current) {
      return absl::StrCat(service, ": ", ToString(replica.record.id), " is ", ToString(replica.state),
                          replica.current ? "" : ", of an old version");
    }
  }
  return shown == expected ? "" : absl::StrCat(service, ": the controller shows ", shown, " of ", expected);
}

}  // namespace drover::sim
