// Generated clusters: wherever a replica is placed, no hard rule speaks against it, no node holds more than
// it has, and nothing that is none of its business changes the choice. Whoever gives room is of lower
// priority, keeps its min, and gives no more than is needed (R10.3).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/prng.h"
#include "controller/core/place.h"
#include "controller/core/room.h"
#include "tests/unit/controller/core/model_builder.h"

namespace drover::controller {
namespace {

constexpr int kNodes = 12;
const char* const kZones[] = {"x", "y", "z"};

struct Cluster {
  ModelBuilder builder;
  Service* service = nullptr;

  Model& model() { return builder.model(); }
};

void DrawNode(Prng& prng, ModelBuilder& builder, const std::string& name) {
  Node& node = builder.AddNode(name, 500 * static_cast<int64_t>(1 + prng.Below(12)));
  node.record.port_last = node.record.port_first + static_cast<uint32_t>(prng.Below(12));
  if (prng.Chance(0.8)) {
    node.record.labels = {{"zone", kZones[prng.Below(3)]}};
  }
  if (prng.Chance(0.15)) {
    node.status = prng.Chance(0.5) ? NodeStatus::kSuspect : NodeStatus::kLost;
  }
  if (prng.Chance(0.2)) {
    node.record.availability = static_cast<NodeAvailability>(1 + prng.Below(3));
  }
  if (prng.Chance(0.5)) {
    HostSample& host = node.host.emplace();
    host.pressure_memory = static_cast<double>(prng.Below(100));
    host.pressure_cpu = static_cast<double>(prng.Below(100));
  }
}

ServiceSpec DrawSpec(Prng& prng, const std::string& name) {
  ServiceSpec spec = ModelBuilder::Spec(name);
  spec.reserved_cpu = MilliCpu(100 * static_cast<int64_t>(1 + prng.Below(10)));
  spec.bin_pack = prng.Chance(0.2);
  spec.max_per_node = prng.Chance(0.3) ? 1 + static_cast<uint32_t>(prng.Below(3)) : 0;
  if (prng.Chance(0.3)) {
    spec.constraints = {{"node.labels.zone", prng.Chance(0.5), kZones[prng.Below(3)]}};
  }
  if (prng.Chance(0.5)) {
    spec.spread_over = {"node.labels.zone"};
  }
  if (prng.Chance(0.3)) {
    spec.routed_ports = {80};
  }
  if (prng.Chance(0.15)) {
    spec.host_ports = {53};
  }
  return spec;
}

void Draw(Prng& prng, Cluster& cluster) {
  for (int i = 0; i < kNodes; ++i) {
    DrawNode(prng, cluster.builder, absl::StrCat("n", i));
  }
  Service& other = cluster.builder.AddService(DrawSpec(prng, "other"));
  for (auto& [id, node] : cluster.model().nodes) {
    if (prng.Chance(0.5) && Fits(cluster.model().ReservationOf(other), node.record.capacity)) {
      cluster.builder.AddReplica(other, node, ReplicaState::kReady);
    }
  }
  cluster.service = &cluster.builder.AddService(DrawSpec(prng, "web"));
}

// The nodes that take up to `count` replicas, in turn.
std::vector<NodeId> Place(Cluster& cluster, int count) {
  Model& model = cluster.model();
  Placer placer(model, *cluster.service);
  std::vector<NodeId> chosen;
  for (int i = 0; i < count; ++i) {
    const Placement next = placer.Best();
    if (next.node.value().empty()) {
      break;
    }
    Replica& replica = model.AddReplica(*cluster.service, model.FreeNumber(*cluster.service));
    model.Bind(replica, model.nodes.at(next.node), next.ports);
    placer.Bound();
    chosen.push_back(next.node);
  }
  return chosen;
}

void ExpectRules(const Cluster& cluster, const Node& node) {
  const ServiceSpec& spec = *cluster.service->spec;
  EXPECT_EQ(node.status, NodeStatus::kUp);
  EXPECT_EQ(node.record.availability, NodeAvailability::kActive);
  const std::string zone = node.record.labels.empty() ? "" : node.record.labels[0].second;
  for (const ConstraintSpec& constraint : spec.constraints) {
    EXPECT_EQ(zone == constraint.value, constraint.equal);
  }
  EXPECT_LE(node.reserved.cpu, node.record.capacity.cpu) << node.record.name;
  EXPECT_LE(node.reserved.memory, node.record.capacity.memory) << node.record.name;
}

class PlacementTest : public testing::TestWithParam<uint64_t> {};

TEST_P(PlacementTest, R3_5_NeverAgainstAHardRuleNorOverCapacity) {
  Prng prng(GetParam());
  Cluster cluster;
  Draw(prng, cluster);
  const ServiceSpec spec = *cluster.service->spec;
  std::map<NodeId, int64_t> on;
  std::map<NodeId, std::set<uint32_t>> ports;
  for (const NodeId& id : Place(cluster, 40)) {
    ++on[id];
  }
  for (const auto& [id, count] : on) {
    const Node& node = cluster.model().nodes.at(id);
    ExpectRules(cluster, node);
    EXPECT_TRUE(spec.max_per_node == 0 || count <= spec.max_per_node);
    EXPECT_TRUE(spec.host_ports.empty() || count == 1);
  }
  for (const auto& [id, replica] : cluster.model().replicas) {
    for (const PublishedPort& port : replica.record.published) {
      EXPECT_TRUE(ports[replica.record.node].insert(port.host_port).second) << "R6.2";
    }
  }
}

TEST_P(PlacementTest, WhatIsIrrelevantChangesNothing) {
  Cluster before;
  Cluster after;
  {
    Prng prng(GetParam());
    Draw(prng, before);
  }
  {
    Prng prng(GetParam());
    Draw(prng, after);
  }
  Prng prng(GetParam() + 1'000'000);
  ModelBuilder& builder = after.builder;
  builder.AddNode("a-lost").status = NodeStatus::kLost;
  builder.AddNode("n5-full", 0);
  builder.AddNode("z-cordoned").record.availability = NodeAvailability::kCordoned;
  builder.AddService(DrawSpec(prng, "elsewhere"));
  for (auto& [id, node] : after.model().nodes) {
    node.record.labels.emplace_back("colour", absl::StrCat("c", prng.Below(4)));
    if (node.host) {
      // Noise within a step of pressure.
      node.host->pressure_cpu =
          std::floor(*node.host->pressure_cpu / 25) * 25 + static_cast<double>(prng.Below(25));
    }
  }
  EXPECT_EQ(Place(before, 40), Place(after, 40));
}

TEST_P(PlacementTest, SpreadOverZonesIsEvenWhileThereIsRoom) {
  Prng prng(GetParam());
  Cluster cluster;
  for (int i = 0; i < kNodes; ++i) {
    Node& node =
        cluster.builder.AddNode(absl::StrCat("n", i), 1000 * static_cast<int64_t>(4 + prng.Below(9)));
    node.record.labels = {{"zone", kZones[i % 3]}};
  }
  ServiceSpec spec = ModelBuilder::Spec("web");
  spec.spread_over = {"node.labels.zone"};
  cluster.service = &cluster.builder.AddService(spec);
  std::map<std::string, int> in_zone;
  const std::vector<NodeId> chosen = Place(cluster, 24);
  for (size_t i = 0; i < chosen.size(); ++i) {
    ++in_zone[cluster.model().nodes.at(chosen[i]).record.labels[0].second];
    for (const char* zone : kZones) {
      EXPECT_GE(in_zone[zone], static_cast<int>(i + 1) / 3) << "after " << i + 1;
    }
  }
}

// ---- R10.3 ----

int64_t WouldFit(const Model& model, const Service& taker, ReplicaId without) {
  int64_t fit = 0;
  const Resources need = model.ReservationOf(taker);
  for (const auto& [id, node] : model.nodes) {
    Resources room = node.record.capacity - node.reserved + LeavingRoom(model, node);
    if (const auto kept = model.replicas.find(without);
        kept != model.replicas.end() && kept->second.record.node == id) {
      room = room - kept->second.record.reserved;
    }
    for (; Fits(need, room); room = room - need) {
      ++fit;
    }
  }
  return fit;
}

Service& AddGiver(Prng& prng, ModelBuilder& builder, const std::string& name) {
  ServiceSpec spec = ModelBuilder::Spec(name);
  spec.priority = static_cast<int32_t>(prng.Below(4));
  spec.reserved_cpu = MilliCpu(250 * static_cast<int64_t>(1 + prng.Below(4)));
  if (prng.Chance(0.8)) {
    spec.autoscale.emplace();
    spec.autoscale->min = static_cast<int64_t>(prng.Below(4));
    spec.autoscale->max = 100;
  }
  return builder.AddService(spec);
}

TEST_P(PlacementTest, R10_3_RoomIsGivenByLowerOnesAboveTheirMinAndNoMoreThanNeeded) {
  Prng prng(GetParam());
  ModelBuilder builder;
  Model& model = builder.model();
  model.settled = true;
  for (int i = 0; i < 6; ++i) {
    builder.AddNode(absl::StrCat("n", i), 1000 * static_cast<int64_t>(1 + prng.Below(4)));
  }
  std::vector<Service*> givers;
  for (int i = 0; i < 4; ++i) {
    Service& giver = AddGiver(prng, builder, absl::StrCat("s", i));
    givers.push_back(&giver);
  }
  for (int i = 0; i < 60; ++i) {
    Service& giver = *givers[prng.Below(givers.size())];
    const Placement next = Placer(model, giver).Best();
    if (!next.node.value().empty()) {
      Replica& replica = builder.AddReplica(giver, model.nodes.at(next.node), ReplicaState::kReady);
      if (prng.Chance(0.6)) {
        replica.sample.emplace().busy = static_cast<int64_t>(prng.Below(3));
        replica.sampled = model.now;
      }
    }
  }
  ServiceSpec spec = ModelBuilder::Spec("taker");
  spec.priority = 2;
  spec.reserved_cpu = MilliCpu(250 * static_cast<int64_t>(1 + prng.Below(8)));
  Service& taker = builder.AddService(spec);
  const int64_t wanted = 1 + static_cast<int64_t>(prng.Below(5));
  const int64_t before = WouldFit(model, taker, ReplicaId());
  const Placer placer(model, taker);
  if (!placer.Best().node.value().empty()) {
    return;  // there is room
  }
  TakeRoom(model, taker, wanted, placer.excluded());
  const int64_t after = WouldFit(model, taker, ReplicaId());
  std::set<ReplicaId> given;
  for (const auto& [id, replica] : model.replicas) {
    if (replica.record.reason == kGivesRoom) {
      given.insert(id);
      EXPECT_LT(model.services.at(replica.record.service).spec->priority, 2);
      EXPECT_LT(WouldFit(model, taker, id), std::min(after, wanted)) << "given in vain";
    }
  }
  EXPECT_TRUE(given.empty() || before < wanted) << "more than needed";
  for (const Service* giver : givers) {
    const int64_t min = giver->spec->autoscale ? giver->spec->autoscale->min : 0;
    const bool gave = std::any_of(giver->replicas.begin(), giver->replicas.end(),
                                  [&](ReplicaId id) { return given.contains(id); });
    EXPECT_TRUE(!gave || (giver->spec->autoscale && PlacedCount(*giver) >= min)) << "below min";
  }
  const size_t once = given.size();
  TakeRoom(model, taker, wanted, Placer(model, taker).excluded());
  const auto again = std::count_if(model.replicas.begin(), model.replicas.end(), [](const auto& entry) {
    return entry.second.record.reason == kGivesRoom;
  });
  EXPECT_EQ(static_cast<size_t>(again), once) << "what is on its way counts";
}

INSTANTIATE_TEST_SUITE_P(Seeds, PlacementTest, testing::Range<uint64_t>(1, 201));

}  // namespace
}  // namespace drover::controller
