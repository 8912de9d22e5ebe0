#include "tests/support/core_cluster.h"

#include "absl/strings/str_cat.h"

namespace drover::controller {

void FakeStore::Apply(const std::vector<StoreChange>& changes) {
  struct Visitor {
    FakeStore* store;

    void operator()(const StackRecord& r) { store->stacks_[r.name] = r; }

    void operator()(const ServiceRecord& r) { store->services_[r.key] = r; }

    void operator()(const ReplicaRecord& r) { store->replicas_[r.id] = r; }

    void operator()(const NodeRecord& r) { store->nodes_[r.id] = r; }

    void operator()(const ClusterRecord& r) { store->state_.whole = r; }

    void operator()(const DeleteStack& d) { store->stacks_.erase(d.name); }

    void operator()(const DeleteService& d) { store->services_.erase(d.key); }

    void operator()(const DeleteReplica& d) { store->replicas_.erase(d.id); }

    void operator()(const DeleteNode& d) { store->nodes_.erase(d.id); }
  };

  for (const StoreChange& change : changes) {
    std::visit(Visitor{this}, change);
  }
}

StoredState FakeStore::State() const {
  StoredState state = state_;
  for (const auto& [key, record] : stacks_) {
    state.stacks.push_back(record);
  }
  for (const auto& [key, record] : services_) {
    state.services.push_back(record);
  }
  for (const auto& [key, record] : replicas_) {
    state.replicas.push_back(record);
  }
  for (const auto& [key, record] : nodes_) {
    state.nodes.push_back(record);
  }
  return state;
}

CoreCluster::CoreCluster(CoreOptions options) : options_(options), store_(ClusterId("c1")) { Restart(); }

void CoreCluster::Restart(bool empty_store) {
  if (empty_store) {
    store_ = FakeStore(store_.State().cluster);
  }
  epoch_ = Epoch(epoch_.value() + 1);
  core_ = std::make_unique<Core>(
      options_, store_.State(),
      CoreStart{.now = now_, .wall = wall_, .epoch = epoch_, .seed = 1000 + epoch_.value()});
  for (auto& [name, agent] : agents_) {
    agent.connected = false;
  }
}

FakeAgent& CoreCluster::AddAgent(const std::string& name) {
  FakeAgent& agent = agents_[name];
  agent.name = name;
  agent.id = NodeId(absl::StrCat("node-", name));
  names_[agent.id] = name;
  agent.address = absl::StrCat("10.0.0.", agents_.size());
  return agent;
}

void CoreCluster::Connect(FakeAgent& agent) {
  agent.stream = StreamId(++streams_);
  agent.connected = true;
  agent.speaks = true;
  NodeConnected hello;
  hello.now = hello.sent = now_;
  hello.node = agent.id;
  hello.stream = agent.stream;
  hello.name = agent.name;
  hello.cluster = agent.cluster;
  hello.boot_id = "boot";
  hello.engine_id = absl::StrCat("engine-", agent.name);
  hello.highest_epoch = agent.highest_epoch;
  hello.applied_epoch = agent.epoch;
  hello.applied_revision = agent.revision;
  hello.capacity = agent.capacity;
  hello.labels = agent.labels;
  hello.address = agent.address;
  hello.port_first = agent.port_first;
  hello.port_last = agent.port_last;
  hello.edge = agent.edge;
  hello.found = agent.foreign;
  Step(hello);
}

void CoreCluster::Disconnect(FakeAgent& agent) {
  agent.connected = false;
  Step(NodeDisconnected{now_, agent.id, agent.stream});
}

void CoreCluster::Report(FakeAgent& agent) {
  if (!agent.connected || !agent.speaks) {
    return;
  }
  NodeReport report;
  report.now = report.sent = now_;
  report.node = agent.id;
  report.stream = agent.stream;
  report.applied_epoch = agent.epoch;
  report.applied_revision = agent.revision;
  report.full = true;
  for (const auto& [id, order] : agent.remove) {
    if (agent.auto_start) {
      agent.replicas.erase(id);
    }
    if (!agent.replicas.contains(id)) {
      report.removed.push_back(id);
    }
  }
  for (auto& [id, replica] : agent.replicas) {
    if (!agent.run.contains(id)) {
      if (!agent.remove.contains(id)) {
        FoundReplica found;
        found.id = id;
        found.cluster = agent.cluster;
        found.name = absl::StrCat("container-", replica.run.number);
        report.unknown.push_back(found);
      }
      continue;
    }
    const bool moves = replica.state == ReplicaState::kStarting || replica.state == ReplicaState::kRunning;
    if (agent.auto_start && moves) {
      replica.state = ReplicaState::kReady;
    }
    ReplicaSample sample;
    sample.handle = replica.run.handle;
    sample.state = replica.state;
    sample.cpu_milli = replica.cpu_milli;
    sample.memory_bytes = replica.memory_bytes;
    sample.busy = replica.busy;
    sample.backlog = replica.backlog;
    report.replicas.push_back(sample);
    replica.detail.handle = replica.run.handle;
    report.details.push_back(replica.detail);
  }
  report.unknown.insert(report.unknown.end(), agent.foreign.begin(), agent.foreign.end());
  for (const Probe& probe : agent.probes) {
    if (!probe.standby) {
      QueueReading reading;
      reading.probe = probe.handle;
      reading.term = probe.term;
      if (auto depth = agent.depth.find(probe.probe); depth != agent.depth.end()) {
        reading.ready = depth->second;
        if (auto held = agent.held.find(probe.probe); held != agent.held.end()) {
          reading.held = held->second;
        }
      } else {
        reading.error = "redis: connection refused";
      }
      report.queues.push_back(reading);
    }
  }
  if (agent.edge) {
    EdgeStatus edge;
    edge.instance = agent.balancer;
    edge.reachable = true;
    for (const BackendSet& set : agent.sets) {
      EdgeSetStatus status;
      status.set = set.handle;
      status.applied_epoch = agent.edge_applies ? set.epoch : Epoch();
      status.applied_revision = agent.edge_applies ? set.revision : Revision();
      for (const Backend& backend : set.backends) {
        auto work = agent.in_flight.find(backend.replica);
        status.servers.push_back({backend.replica, work == agent.in_flight.end() ? 0 : work->second, true});
      }
      status.queued = agent.queued;
      if (set.hold > absl::ZeroDuration()) {
        status.held = agent.waiting;
      }
      status.requests_total = agent.requests.arrived;
      status.finished_total = agent.requests.finished;
      status.times = agent.times;
      edge.sets.push_back(std::move(status));
    }
    report.edge = agent.edge_status.value_or(edge);
  }
  Step(report);
}

void CoreCluster::Obey(FakeAgent& agent, const Assignment& assignment) {
  if (assignment.epoch < agent.highest_epoch) {
    return;
  }
  const bool full = assignment.base_revision.value() == 0;
  if (!full && (assignment.base_epoch != agent.epoch || assignment.base_revision != agent.revision)) {
    Step(NeedFull{now_, agent.id, agent.stream});
    return;
  }
  // R1.4 counts what the lists name, and what runs and no list names.
  std::set<ReplicaId> here = agent.run;
  for (const auto& [id, replica] : agent.replicas) {
    if (!agent.remove.contains(id)) {
      here.insert(id);
    }
  }
  size_t removals = 0;
  for (const RemoveReplica& remove : assignment.remove) {
    removals += here.contains(remove.id) && !remove.operator_change ? 1 : 0;
  }
  if (removals >= 3 && removals * 2 > here.size()) {
    ++agent.mass_refusals;
    return;
  }
  agent.cluster = assignment.cluster;
  agent.highest_epoch = agent.epoch = assignment.epoch;
  agent.revision = assignment.revision;
  if (full) {
    agent.run.clear();
    agent.remove.clear();
  }
  for (const RunReplica& run : assignment.run) {
    agent.run.insert(run.id);
    const bool known = agent.replicas.contains(run.id);
    FakeReplica& replica = agent.replicas[run.id];
    replica.run = run;
    if (!known) {
      replica.state = ReplicaState::kStarting;
    }
  }
  for (const RemoveReplica& remove : assignment.remove) {
    agent.remove[remove.id] = remove;
    agent.run.erase(remove.id);
  }
  for (const ReplicaId id : assignment.forget) {
    agent.run.erase(id);
    agent.remove.erase(id);
  }
}

void CoreCluster::Deliver(const Order& order) {
  FakeAgent& agent = agents_.at(names_.at(order.node));
  if (!agent.connected || !agent.speaks || agent.stream != order.stream) {
    return;
  }
  if (const auto* assignment = std::get_if<Assignment>(&order.body)) {
    Obey(agent, *assignment);
  } else if (const auto* probes = std::get_if<ProbeAssignment>(&order.body)) {
    agent.probes = probes->probes;
  } else if (const auto* sets = std::get_if<BackendSets>(&order.body)) {
    agent.sets = sets->sets;
  } else if (std::holds_alternative<Refuse>(order.body)) {
    agent.connected = false;
  }
}

Ready CoreCluster::Take() {
  Ready ready = core_->TakeReady();
  store_.Apply(ready.changes);
  if (record_) {
    record_(ready);
  }
  for (const Order& order : ready.orders) {
    Deliver(order);
  }
  if (ready.view) {
    view_ = ready.view;
  }
  return ready;
}

void CoreCluster::Pass(Duration duration, const std::function<void(const Ready&)>& each) {
  const Instant end = now_ + duration;
  while (now_ < end) {
    const Duration step = std::min(absl::Milliseconds(100), end - now_);
    const int64_t second = now_.nanoseconds() / 1'000'000'000;
    now_ = now_ + step;
    wall_ += step;
    Step(Tick{now_, wall_});
    if (now_.nanoseconds() / 1'000'000'000 != second) {
      for (auto& [name, agent] : agents_) {
        Report(agent);
      }
    }
    const Ready ready = Take();
    if (!ready.empty()) {
      each(ready);
    }
  }
}

}  // namespace drover::controller
