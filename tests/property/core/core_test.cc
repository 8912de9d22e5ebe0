// Generated histories of a small cluster: nodes that fall silent and return, containers that crash,
// balancers that lag, operators who change their mind, controllers that restart. After every step the
// invariants of the design hold; after the faults end, everything converges.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/prng.h"
#include "tests/support/core_cluster.h"

namespace drover::controller {
namespace {

constexpr int kSteps = 250;
constexpr int64_t kSurge = 1;

ServiceSpec Web(int64_t version, int64_t replicas) {
  ServiceSpec spec;
  spec.name = "web";
  spec.spec_hash = absl::StrCat("web-", version);
  spec.image = spec.spec_hash;
  spec.image_id = spec.spec_hash;
  spec.replicas = replicas;
  spec.reserved_cpu = MilliCpu(100);
  spec.routed_ports = {80};
  ListenerSpec listener;
  listener.port = 8080;
  listener.target = 80;
  spec.listeners.push_back(listener);
  return spec;
}

ServiceSpec Worker() {
  ServiceSpec spec;
  spec.name = "worker";
  spec.spec_hash = "worker-1";
  spec.reserved_cpu = MilliCpu(100);
  AutoscaleSpec scale;
  scale.min = 1;
  scale.max = 6;
  scale.down.stabilization = absl::Seconds(3);
  SignalSpec signal;
  signal.kind = SignalSpec::Kind::kQueue;
  signal.queue = "jobs";
  signal.target = 10;
  scale.signals.push_back(signal);
  spec.autoscale = scale;
  return spec;
}

ServiceSpec Pinned(int64_t version) {
  ServiceSpec spec;
  spec.name = "db";
  spec.spec_hash = absl::StrCat("db-", version);
  spec.reserved_cpu = MilliCpu(100);
  spec.local_data = {"data"};
  return spec;
}

class History {
 public:
  explicit History(uint64_t seed) : prng_(seed) {
    cluster_.AddAgent("lb").edge = true;
    cluster_.agent("lb").capacity = Resources();
    for (const char* name : {"a", "b", "c"}) {
      cluster_.AddAgent(name).auto_start = true;
    }
    for (auto& [name, agent] : cluster_.agents()) {
      agent.depth["jobs"] = 0;
      cluster_.Connect(agent);
    }
    Apply();
  }

  void Step() {
    FakeAgent& agent = Any();
    switch (prng_.Below(15)) {
      case 0:
        agent.speaks = false;
        break;
      case 1:
        if (!agent.speaks || !agent.connected) {
          cluster_.Connect(agent);
        }
        break;
      case 2:
        if (agent.connected) {
          cluster_.Disconnect(agent);
        }
        break;
      case 3:
        version_ += prng_.Chance(0.3) ? 1 : 0;
        web_ = 1 + static_cast<int64_t>(prng_.Below(5));
        Apply();
        break;
      case 4:
        depth_ = static_cast<double>(prng_.Below(80));
        for (auto& [name, other] : cluster_.agents()) {
          other.depth["jobs"] = depth_;
        }
        break;
      case 5:
        if (!agent.replicas.empty()) {
          auto it = agent.replicas.begin();
          std::advance(it, static_cast<int64_t>(prng_.Below(agent.replicas.size())));
          it->second.state = prng_.Chance(0.5) ? ReplicaState::kStarting : ReplicaState::kRunning;
        }
        break;
      case 6:
        cluster_.agent("lb").edge_applies = prng_.Chance(0.7);
        break;
      case 7:
        if (prng_.Chance(0.3)) {
          cluster_.Restart();
          for (auto& [name, other] : cluster_.agents()) {
            if (prng_.Chance(0.8)) {
              cluster_.Connect(other);
            }
          }
        }
        break;
      case 8:
        for (const auto& [id, replica] : agent.replicas) {
          cluster_.agent("lb").in_flight[id] = static_cast<int64_t>(prng_.Below(2));
        }
        break;
      case 9:
        SayOfNode(agent, static_cast<ChangeNode::Kind>(prng_.Below(4)));
        break;
      case 10:
        Freeze(prng_.Chance(0.3));
        break;
      default:
        cluster_.Pass(absl::Milliseconds(static_cast<int64_t>(prng_.Below(4000))),
                      [this](const Ready&) { Check(); });
    }
    cluster_.Take();
    Check();
  }

  // Ends all faults and gives the cluster time.
  void Heal() {
    Freeze(false);
    for (auto& [name, agent] : cluster_.agents()) {
      SayOfNode(agent, ChangeNode::Kind::kUncordon);
      agent.edge_applies = true;
      agent.in_flight.clear();
      if (!agent.speaks || !agent.connected) {
        cluster_.Connect(agent);
      }
    }
    cluster_.Pass(absl::Minutes(4), [this](const Ready&) { Check(); });
  }

  CoreCluster& cluster() { return cluster_; }

  double depth() const { return depth_; }

  int64_t web() const { return web_; }

 private:
  FakeAgent& Any() {
    auto it = cluster_.agents().begin();
    std::advance(it, static_cast<int64_t>(prng_.Below(cluster_.agents().size())));
    return it->second;
  }

  void Apply() {
    ApplyStack apply;
    apply.now = cluster_.now();
    apply.wall = cluster_.wall();
    apply.spec.name = "shop";
    apply.spec.services = {Pinned(version_ / 2), Web(version_, web_), Worker()};
    apply.spec.queues = {{.name = "jobs", .probe = "jobs", .host_service = "", .host_port = 0}};
    cluster_.Step(apply);
    cluster_.Take();
  }

  void SayOfNode(const FakeAgent& agent, ChangeNode::Kind kind) {
    ChangeNode change;
    change.now = cluster_.now();
    change.wall = cluster_.wall();
    change.node = agent.id;
    change.kind = kind;
    if (kind == ChangeNode::Kind::kMaintenance) {
      change.duration = absl::Seconds(static_cast<int64_t>(5 + prng_.Below(20)));
    }
    if (kind == ChangeNode::Kind::kDrain && prng_.Chance(0.5)) {
      change.deadline = absl::Seconds(static_cast<int64_t>(1 + prng_.Below(10)));
    }
    cluster_.Step(change);
    const Ready ready = cluster_.Take();
    const bool said = !ready.replies.empty() && ready.replies[0].status.ok();
    if (said && kind == ChangeNode::Kind::kUncordon) {
      closed_.erase(agent.id);
    } else if (said && kind != ChangeNode::Kind::kMaintenance) {  // that one ends by itself
      closed_[agent.id] = Known(agent.id);
    } else if (said) {
      closed_.erase(agent.id);
    }
  }

  void Freeze(bool freeze) {
    FreezeCluster request;
    request.now = cluster_.now();
    request.wall = cluster_.wall();
    request.freeze = freeze;
    cluster_.Step(request);
    cluster_.Take();
    frozen_.reset();
    if (freeze) {
      frozen_ = Known();
    }
  }

  // Of one node, or all.
  std::set<ReplicaId> Known(const NodeId& node = NodeId()) const {
    std::set<ReplicaId> known;
    for (const auto& [id, record] : cluster_.store().replicas()) {
      if (node.value().empty() || record.node == node) {
        known.insert(id);
      }
    }
    return known;
  }

  void Check() {
    CheckOperatorsWords();
    CheckNodesOfIds();
    CheckCounts();
    CheckData();
    CheckEdges();
    CheckRemovals();
  }

  // R10.1: frozen, nothing new is made. A node that is cordoned or drains is given nothing but its own data.
  void CheckOperatorsWords() {
    for (const auto& [id, record] : cluster_.store().replicas()) {
      ASSERT_TRUE(!frozen_ || frozen_->contains(id)) << "R10.1: " << ToString(id) << " is new";
      const auto closed = closed_.find(record.node);
      ASSERT_TRUE(closed == closed_.end() || closed->second.contains(id) || record.service.service == "db")
          << ToString(id) << " was given to a node that takes nothing";
    }
  }

  // Invariant 5: a replica id is bound to one node for ever.
  void CheckNodesOfIds() {
    for (const auto& [id, record] : cluster_.store().replicas()) {
      if (!record.node.value().empty()) {
        const auto [it, fresh] = node_of_.try_emplace(id, record.node);
        ASSERT_EQ(it->second, record.node) << "R3.2: " << ToString(id) << " moved";
      }
    }
    for (const auto& [name, agent] : cluster_.agents()) {
      for (const auto& [id, replica] : agent.replicas) {
        ASSERT_EQ(node_of_.at(id), agent.id) << "R3.2: " << ToString(id) << " runs elsewhere";
      }
    }
  }

  // Invariant 1: min ≤ desired ≤ max, and never more than max + surge that are not on their way out.
  void CheckCounts() {
    std::map<std::string, int64_t> active;
    for (const auto& [id, record] : cluster_.store().replicas()) {
      if (record.state == ReplicaState::kAssigned || record.state == ReplicaState::kPending) {
        ++active[record.service.service];
      }
    }
    for (const auto& [key, record] : cluster_.store().services()) {
      if (key.service == "worker") {
        ASSERT_GE(record.desired, 1) << "R3.3";
        ASSERT_LE(record.desired, 6) << "R3.3";
        ASSERT_LE(active["worker"], 6 + kSurge) << "R3.3";
      } else if (key.service == "db") {
        ASSERT_LE(active["db"], 1) << "R7.1";
      }
    }
  }

  // Invariant 6, as far as local data goes: its service never runs on two nodes, never twice.
  void CheckData() {
    int64_t containers = 0;
    for (const auto& [name, agent] : cluster_.agents()) {
      for (const auto& [id, replica] : agent.replicas) {
        containers += replica.run.spec_hash.starts_with("db-") ? 1 : 0;
      }
    }
    ASSERT_LE(containers, 1) << "R7.1: two containers on one data set";
  }

  // Invariant 2: only replicas that were ready are routed to, and none is told to stop before the
  // balancer that is heard confirmed its removal (no forced stops happen in these histories).
  void CheckEdges() {
    const FakeAgent& edge = cluster_.agent("lb");
    for (const BackendSet& set : edge.sets) {
      for (const Backend& backend : set.backends) {
        const auto record = cluster_.store().replicas().find(backend.replica);
        const bool heard = edge.connected && edge.speaks;
        if (backend.drain || !heard || record == cluster_.store().replicas().end() ||
            record->second.superseded) {
          continue;
        }
        ASSERT_NE(record->second.state, ReplicaState::kStopping)
            << "R6.1: " << ToString(backend.replica) << " is stopped and still routed to";
      }
    }
  }

  // R1.4: no agent has a reason to refuse a mass removal.
  void CheckRemovals() {
    for (const auto& [name, agent] : cluster_.agents()) {
      ASSERT_EQ(agent.mass_refusals, 0) << "R1.4: " << name;
    }
  }

  Prng prng_;
  CoreCluster cluster_;
  int64_t version_ = 1;
  int64_t web_ = 3;
  double depth_ = 0;
  std::map<ReplicaId, NodeId> node_of_;
  std::optional<std::set<ReplicaId>> frozen_;     // set: frozen, and the replicas that there were
  std::map<NodeId, std::set<ReplicaId>> closed_;  // nodes that take nothing, likewise
};

class HistoryTest : public testing::TestWithParam<uint64_t> {};

TEST_P(HistoryTest, InvariantsHoldAndFaultsEndInConvergence) {
  History history(GetParam());
  for (int i = 0; i < kSteps && !HasFatalFailure(); ++i) {
    history.Step();
  }
  ASSERT_FALSE(HasFatalFailure());
  history.Heal();
  ASSERT_FALSE(HasFatalFailure());
  // Invariant 9.
  for (const auto& [key, service] : history.cluster().view()->services) {
    EXPECT_TRUE(service->converged) << ToString(key) << ": " << service->status;
  }
  // Invariant 8 for the one that scales by a constant queue.
  const int64_t wanted = std::clamp<int64_t>(static_cast<int64_t>((history.depth() + 9) / 10), 1, 6);
  const int64_t desired = history.cluster().view()->services.at({"shop", "worker"})->record.desired;
  EXPECT_LE(std::abs(desired - wanted), 1)
      << "within tolerance of the queue\n"
      << ToText(*history.cluster().view()->services.at({"shop", "worker"})->decision);
  // Invariant 5, second half: nothing superseded is left.
  for (const auto& [id, record] : history.cluster().store().replicas()) {
    EXPECT_FALSE(record.superseded);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, HistoryTest, testing::Range<uint64_t>(1, 31));

// Invariant 10: a restart from the records at any moment leads to the same desired state, and stops
// or starts nothing by itself.
class RestartTest : public testing::TestWithParam<uint64_t> {};

TEST_P(RestartTest, R1_8_SameDesiredAfterRestart) {
  History history(GetParam());
  CoreCluster& cluster = history.cluster();
  cluster.Pass(absl::Seconds(3), [](const Ready&) {});
  for (int i = 0; i < 60; ++i) {
    history.Step();
    std::map<ServiceKey, int64_t> desired;
    for (const auto& [key, record] : cluster.store().services()) {
      desired[key] = record.desired;
    }
    std::set<ReplicaId> kept;
    for (const auto& [id, record] : cluster.store().replicas()) {
      if (record.state == ReplicaState::kAssigned) {
        kept.insert(id);
      }
    }
    cluster.Restart();
    cluster.Take();
    for (const auto& [key, record] : cluster.store().services()) {
      EXPECT_EQ(record.desired, desired[key]) << ToString(key);
    }
    for (auto& [name, agent] : cluster.agents()) {
      cluster.Connect(agent);
    }
    cluster.Take();
    for (const ReplicaId id : kept) {
      EXPECT_TRUE(cluster.store().replicas().contains(id)) << ToString(id) << " was forgotten";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RestartTest, testing::Range<uint64_t>(100, 110));

}  // namespace
}  // namespace drover::controller
