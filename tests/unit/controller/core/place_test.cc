#include "controller/core/place.h"

#include "controller/core/rollout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "controller/core/ports.h"
#include "tests/unit/controller/core/model_builder.h"

namespace drover::controller {
namespace {

using testing::HasSubstr;

TEST(PlaceTest, R3_5_SpreadsByDefault) {
  ModelBuilder builder;
  Node& a = builder.AddNode("a");
  builder.AddNode("b", 2000);
  Service& web = builder.AddService(ModelBuilder::Spec("web"));
  builder.AddReplica(web, a, ReplicaState::kReady);
  EXPECT_EQ(Placer(builder.model(), web).Best().node, NodeId("b"));
}

TEST(PlaceTest, R3_5_SharesByFreeCapacity) {
  ModelBuilder builder;
  Node& a = builder.AddNode("a", 4000);
  Node& b = builder.AddNode("b", 2000);
  Service& web = builder.AddService(ModelBuilder::Spec("web"));
  int64_t on_a = 0;
  for (int i = 0; i < 6; ++i) {
    const bool to_a = Placer(builder.model(), web).Best().node == NodeId("a");
    on_a += to_a ? 1 : 0;
    builder.AddReplica(web, to_a ? a : b, ReplicaState::kReady);
  }
  EXPECT_EQ(on_a, 4) << "4 CPU beside 2 CPU";
}

// Placing one after the other is the same as ranking all nodes anew for each.
TEST(PlaceTest, OneRankingPlacesAsManyWould) {
  for (const bool bin_pack : {false, true}) {
    ModelBuilder builder;
    for (int i = 0; i < 12; ++i) {
      builder.AddNode(absl::StrCat("n", i), 1000 + 700 * (i % 4));
    }
    ServiceSpec spec = ModelBuilder::Spec("web");
    spec.bin_pack = bin_pack;
    spec.routed_ports = {80};
    Service& web = builder.AddService(spec);
    Model& model = builder.model();
    Placer once(model, web);
    int placed = 0;
    for (uint32_t number = 1; !once.Best().node.value().empty(); ++number) {
      const Placement anew = Placer(model, web).Best();
      ASSERT_EQ(once.Best().node, anew.node)
          << "replica " << number << (bin_pack ? ", bin-pack" : ", spread");
      ASSERT_EQ(once.Best().ports, anew.ports);
      Replica& replica = model.AddReplica(web, number);
      model.Bind(replica, model.nodes.at(anew.node), anew.ports);
      once.Bound();
      ++placed;
    }
    EXPECT_EQ(placed, 3 * (2 + 3 + 4 + 6)) << "0.5 CPU each";
    EXPECT_THAT(once.Best().excluded, HasSubstr("12 nodes: at most 0.4 CPU free, 0.5 CPU wanted"));
  }
}

TEST(PlaceTest, R3_5_BinPackFillsTheFullest) {
  ModelBuilder builder;
  Node& a = builder.AddNode("a");
  builder.AddNode("b");
  ServiceSpec spec = ModelBuilder::Spec("web");
  spec.bin_pack = true;
  Service& web = builder.AddService(spec);
  builder.AddReplica(web, a, ReplicaState::kReady);
  EXPECT_EQ(Placer(builder.model(), web).Best().node, NodeId("a"));
}

TEST(PlaceTest, R9_1_NodesWithTheImageArePreferred) {
  ModelBuilder builder;
  Node& b = builder.AddNode("b");
  builder.AddNode("a");
  Service& web = builder.AddService(ModelBuilder::Spec("web"));
  builder.AddReplica(web, b, ReplicaState::kReady);
  builder.model().image_nodes["web:1"] = {NodeId("b")};
  EXPECT_EQ(Placer(builder.model(), web).Best().node, NodeId("b"));
}

TEST(PlaceTest, ANodeWhereItFailedComesLast) {
  ModelBuilder builder;
  Node& a = builder.AddNode("a");
  Node& b = builder.AddNode("b");
  Service& web = builder.AddService(ModelBuilder::Spec("web"));
  builder.AddReplica(web, a, ReplicaState::kFailed);
  builder.AddReplica(web, b, ReplicaState::kReady);
  EXPECT_EQ(Placer(builder.model(), web).Best().node, NodeId("b"));
}

struct ExclusionCase {
  const char* name;
  void (*change)(ModelBuilder&, Node&, ServiceSpec&);
  const char* reason;
};

class ExclusionTest : public testing::TestWithParam<ExclusionCase> {};

TEST_P(ExclusionTest, R3_5_EachNodeThatIsLeftOutSaysWhy) {
  ModelBuilder builder;
  Node& node = builder.AddNode("a");
  ServiceSpec spec = ModelBuilder::Spec("web");
  GetParam().change(builder, node, spec);
  Service& web = builder.AddService(spec);
  web.record.data_node = spec.pinned() ? NodeId("z") : NodeId();
  const Placement placement = Placer(builder.model(), web).Best();
  EXPECT_EQ(placement.node, NodeId());
  EXPECT_THAT(placement.excluded, HasSubstr(GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(
    Table, ExclusionTest,
    testing::Values(
        ExclusionCase{"cpu",
                      [](ModelBuilder&, Node& n, ServiceSpec&) { n.record.capacity.cpu = MilliCpu(200); },
                      "a: 0.2 CPU free, 0.5 CPU wanted"},
        ExclusionCase{
            "memory",
            [](ModelBuilder&, Node& n, ServiceSpec&) { n.record.capacity.memory = Bytes(64LL << 20); },
            "a: 64 MiB free, 128 MiB wanted"},
        ExclusionCase{"suspect",
                      [](ModelBuilder&, Node& n, ServiceSpec&) { n.status = NodeStatus::kSuspect; },
                      "a: silent"},
        ExclusionCase{"lost", [](ModelBuilder&, Node& n, ServiceSpec&) { n.status = NodeStatus::kLost; },
                      "a: lost"},
        ExclusionCase{"stream", [](ModelBuilder&, Node& n, ServiceSpec&) { n.stream.reset(); },
                      "a: not connected"},
        ExclusionCase{"pinned", [](ModelBuilder&, Node&, ServiceSpec& s) { s.local_data = {"data"}; },
                      "a: does not hold its data"},
        ExclusionCase{"ports",
                      [](ModelBuilder&, Node& n, ServiceSpec& s) {
                        s.routed_ports = {80, 443};
                        n.record.port_last = n.record.port_first;
                      },
                      "a: no free port in its port_range 20000-20000"},
        ExclusionCase{
            "cordoned",
            [](ModelBuilder&, Node& n, ServiceSpec&) { n.record.availability = NodeAvailability::kCordoned; },
            "a: cordoned"},
        ExclusionCase{
            "draining",
            [](ModelBuilder&, Node& n, ServiceSpec&) { n.record.availability = NodeAvailability::kDraining; },
            "a: draining"},
        ExclusionCase{"maintenance",
                      [](ModelBuilder&, Node& n, ServiceSpec&) {
                        n.record.availability = NodeAvailability::kMaintenance;
                      },
                      "a: in maintenance"},
        ExclusionCase{"label_missing",
                      [](ModelBuilder&, Node&, ServiceSpec& s) {
                        s.constraints = {{"node.labels.disk", true, "ssd"}};
                      },
                      "a: does not meet node.labels.disk == ssd (has none)"},
        ExclusionCase{"label_differs",
                      [](ModelBuilder&, Node& n, ServiceSpec& s) {
                        n.record.labels = {{"disk", "hdd"}};
                        s.constraints = {{"node.labels.disk", true, "ssd"}};
                      },
                      "a: does not meet node.labels.disk == ssd (hdd)"},
        ExclusionCase{"label_is_the_one",
                      [](ModelBuilder&, Node& n, ServiceSpec& s) {
                        n.record.labels = {{"disk", "HDD"}};
                        s.constraints = {{"node.labels.disk", false, "hdd"}};
                      },
                      "a: does not meet node.labels.disk != hdd"},
        ExclusionCase{"hostname",
                      [](ModelBuilder&, Node&, ServiceSpec& s) {
                        s.constraints = {{"node.hostname", true, "b"}};
                      },
                      "a: does not meet node.hostname == b (a)"},
        ExclusionCase{"max_per_node",
                      [](ModelBuilder& builder, Node& n, ServiceSpec& s) {
                        s.max_per_node = 1;
                        builder.AddReplica(builder.AddService(s), n, ReplicaState::kDraining);
                      },
                      "a: has 1 of it, and max_replicas_per_node is 1"},
        ExclusionCase{"global",
                      [](ModelBuilder& builder, Node& n, ServiceSpec& s) {
                        s.global = true;
                        builder.AddReplica(builder.AddService(s), n, ReplicaState::kReady);
                      },
                      "a: has its replica (mode: global)"},
        ExclusionCase{"host_port",
                      [](ModelBuilder& builder, Node& n, ServiceSpec& s) {
                        s.host_ports = {53};
                        ServiceSpec other = ModelBuilder::Spec("dns");
                        other.host_ports = {53};
                        builder.AddReplica(builder.AddService(other), n, ReplicaState::kRunning);
                      },
                      "a: host port 53 is taken"}),
    [](const auto& param) { return param.param.name; });

struct ConstraintCase {
  const char* key;
  bool equal;
  const char* value;
  bool met;
};

TEST(PlaceTest, ConstraintsAreMetByWhatTheNodeIs) {
  const ConstraintCase cases[] = {
      {"node.id", true, "a", true},
      {"node.id", true, "b", false},
      {"node.hostname", true, "A", true},
      {"node.labels.zone", true, "west", true},
      {"node.labels.zone", false, "east", true},
      {"node.labels.none", false, "x", true},
      {"node.labels.none", true, "x", false},
      {"engine.labels.gpu", true, "a100", true},
      {"node.labels.gpu", true, "a100", false},
      {"node.platform.os", true, "linux", true},
      {"node.platform.arch", true, "x86_64", true},
      {"node.platform.arch", true, "amd64", true},
      {"node.platform.arch", false, "amd64", false},
      {"node.platform.arch", true, "arm64", false},
  };
  for (const ConstraintCase& c : cases) {
    ModelBuilder builder;
    builder.AddNode("a").record.labels = {{"zone", "west"},
                                          {"engine.labels.gpu", "a100"},
                                          {"node.platform.os", "linux"},
                                          {"node.platform.arch", "x86_64"}};
    ServiceSpec spec = ModelBuilder::Spec("web");
    spec.constraints = {{c.key, c.equal, c.value}};
    Service& web = builder.AddService(spec);
    EXPECT_EQ(!Placer(builder.model(), web).Best().node.value().empty(), c.met)
        << c.key << (c.equal ? " == " : " != ") << c.value;
  }
}

TEST(PlaceTest, R7_1_WhatHoldsDataStartsAgainOnADrainingNode) {
  for (const bool here : {true, false}) {
    ModelBuilder builder;
    builder.AddNode("a").record.availability = NodeAvailability::kDraining;
    ServiceSpec spec = ModelBuilder::Spec("db");
    spec.local_data = {"data"};
    Service& db = builder.AddService(spec);
    db.record.data_node = here ? NodeId("a") : NodeId();
    EXPECT_EQ(Placer(builder.model(), db).Best().node, here ? NodeId("a") : NodeId());
  }
}

// Places `count` replicas one after the other; returns how many each node has then.
std::map<NodeId, int> PlaceAll(ModelBuilder& builder, Service& service, int count) {
  Model& model = builder.model();
  Placer placer(model, service);
  std::map<NodeId, int> on;
  for (int i = 0; i < count; ++i) {
    const Placement next = placer.Best();
    if (next.node.value().empty()) {
      break;
    }
    model.Bind(model.AddReplica(service, model.FreeNumber(service)), model.nodes.at(next.node), next.ports);
    placer.Bound();
    ++on[next.node];
  }
  return on;
}

TEST(PlaceTest, SpreadOverZonesComesBeforeRoomAndNodes) {
  ModelBuilder builder;
  for (const char* name : {"a1", "a2", "a3", "b1"}) {
    builder.AddNode(name, name[0] == 'a' ? 8000 : 4000).record.labels = {{"zone", std::string(1, name[0])}};
  }
  builder.AddNode("c1", 4000);
  ServiceSpec spec = ModelBuilder::Spec("web");
  spec.spread_over = {"node.labels.zone"};
  std::map<NodeId, int> on = PlaceAll(builder, builder.AddService(spec), 9);
  EXPECT_EQ(on[NodeId("b1")], 3);
  EXPECT_EQ(on[NodeId("c1")], 3) << "nodes without the label are a part of their own";
  EXPECT_EQ(on[NodeId("a1")] + on[NodeId("a2")] + on[NodeId("a3")], 3);
  EXPECT_EQ(on[NodeId("a1")], 1) << "within a zone over its nodes";
}

TEST(PlaceTest, SpreadOverZonesAndRacksInTurn) {
  ModelBuilder builder;
  for (const char* name : {"ar1", "ar2", "as1", "br1"}) {
    builder.AddNode(name).record.labels = {{"zone", std::string(1, name[0])},
                                           {"rack", std::string(1, name[1])}};
  }
  ServiceSpec spec = ModelBuilder::Spec("web");
  spec.spread_over = {"node.labels.zone", "node.labels.rack"};
  std::map<NodeId, int> on = PlaceAll(builder, builder.AddService(spec), 8);
  EXPECT_EQ(on[NodeId("br1")], 4);
  EXPECT_EQ(on[NodeId("as1")], 2) << "half of zone a's four";
  EXPECT_EQ(on[NodeId("ar1")], 1);
}

TEST(PlaceTest, AFullZoneDoesNotHoldUpTheOthers) {
  ModelBuilder builder;
  builder.AddNode("a", 1000).record.labels = {{"zone", "a"}};
  builder.AddNode("b", 4000).record.labels = {{"zone", "b"}};
  ServiceSpec spec = ModelBuilder::Spec("web");
  spec.spread_over = {"node.labels.zone"};
  std::map<NodeId, int> on = PlaceAll(builder, builder.AddService(spec), 8);
  EXPECT_EQ(on[NodeId("a")], 2);
  EXPECT_EQ(on[NodeId("b")], 6);
}

TEST(PlaceTest, MaxPerNodeIsNeverExceeded) {
  ModelBuilder builder;
  builder.AddNode("a");
  builder.AddNode("b");
  ServiceSpec spec = ModelBuilder::Spec("web");
  spec.max_per_node = 2;
  std::map<NodeId, int> on = PlaceAll(builder, builder.AddService(spec), 9);
  EXPECT_EQ(on, (std::map<NodeId, int>{{NodeId("a"), 2}, {NodeId("b"), 2}}));
}

TEST(PlaceTest, AThrashingNodeComesLast) {
  ModelBuilder builder;
  Node& a = builder.AddNode("a", 8000);
  builder.AddNode("b", 1000);
  a.host.emplace().pressure_memory = 41;
  ServiceSpec spec = ModelBuilder::Spec("web");
  Service& web = builder.AddService(spec);
  std::map<NodeId, int> on = PlaceAll(builder, web, 3);
  EXPECT_EQ(on, (std::map<NodeId, int>{{NodeId("b"), 2}, {NodeId("a"), 1}})) << "unless nothing else is left";
  a.host->pressure_memory = 39;
  EXPECT_EQ(Placer(builder.model(), web).Best().node, NodeId("a"));
}

TEST(PlaceTest, WhereTasksWaitRoomCountsForLess) {
  ModelBuilder builder;
  builder.AddNode("a", 8000).host.emplace().pressure_io = 55;
  builder.AddNode("b", 8000);
  std::map<NodeId, int> on = PlaceAll(builder, builder.AddService(ModelBuilder::Spec("web")), 9);
  EXPECT_EQ(on[NodeId("a")], 3) << "half of its time it makes others wait: half of the other's share";
}

TEST(PlaceTest, ManyNodesAreToldByTheirReasons) {
  ModelBuilder builder;
  for (int i = 100; i < 900; ++i) {
    builder.AddNode(absl::StrCat("n", i), i % 2 == 0 ? 100 : 200);
  }
  builder.AddNode("x").status = NodeStatus::kLost;
  builder.AddNode("y").status = NodeStatus::kLost;
  builder.AddNode("z").record.availability = NodeAvailability::kCordoned;
  Service& web = builder.AddService(ModelBuilder::Spec("web"));
  EXPECT_EQ(Placer(builder.model(), web).Best().excluded,
            "800 nodes: at most 0.2 CPU free, 0.5 CPU wanted; x, y: lost; z: cordoned");
}

TEST(PlaceTest, WhatMayNotBeThereIsNotAsWanted) {
  ModelBuilder builder;
  Node& a = builder.AddNode("a");
  ServiceSpec spec = ModelBuilder::Spec("web");
  spec.max_per_node = 1;
  Service& web = builder.AddService(spec);
  Replica& first = builder.AddReplica(web, a, ReplicaState::kReady);
  Replica& second = builder.AddReplica(web, a, ReplicaState::kReady);
  EXPECT_EQ(GivesWay(builder.model(), web, first), "");
  EXPECT_EQ(GivesWay(builder.model(), web, second), "Misplaced");
  ServiceSpec bound = spec;
  bound.constraints = {{"node.hostname", false, "a"}};
  web.spec = std::make_shared<const ServiceSpec>(bound);
  EXPECT_EQ(GivesWay(builder.model(), web, first), "Misplaced");
  bound.local_data = {"data"};
  web.spec = std::make_shared<const ServiceSpec>(bound);
  EXPECT_EQ(GivesWay(builder.model(), web, first), "") << "R7.1: its data is there";
}

TEST(PlaceTest, R7_1_PinnedGoesWhereItsDataIs) {
  ModelBuilder builder;
  builder.AddNode("a");
  builder.AddNode("b", 1000);
  ServiceSpec spec = ModelBuilder::Spec("db");
  spec.local_data = {"data"};
  Service& db = builder.AddService(spec);
  db.record.data_node = NodeId("b");
  EXPECT_EQ(Placer(builder.model(), db).Best().node, NodeId("b"));
}

TEST(PortsTest, R6_2_APortIsFreeOnlyWhenNoRecordHoldsIt) {
  ModelBuilder builder;
  Node& a = builder.AddNode("a");
  a.record.port_last = 20001;
  ServiceSpec spec = ModelBuilder::Spec("web");
  spec.routed_ports = {80};
  Service& web = builder.AddService(spec);
  Model& model = builder.model();
  std::vector<ReplicaId> ids;
  std::set<uint32_t> ports;
  for (uint32_t i = 1; i <= 2; ++i) {
    Replica& replica = model.AddReplica(web, i);
    ids.push_back(replica.record.id);
    model.Bind(replica, a, *HandOutPorts(model, a, spec));
    ports.insert(replica.record.published[0].host_port);
  }
  EXPECT_EQ(ports, (std::set<uint32_t>{20000, 20001}));
  model.SetState(model.replicas.at(ids[0]), ReplicaState::kStopping);
  EXPECT_EQ(HandOutPorts(model, a, spec), std::nullopt) << "stopping is not gone";
  model.Erase(ids[0]);
  EXPECT_NE(HandOutPorts(model, a, spec), std::nullopt);
}

TEST(PortsTest, R6_2_PortsOfOthersAreAvoided) {
  ModelBuilder builder;
  Node& a = builder.AddNode("a");
  a.refused_ports = {20000, 20001};
  ServiceSpec spec = ModelBuilder::Spec("web");
  spec.routed_ports = {80, 443};
  const auto ports = HandOutPorts(builder.model(), a, spec);
  ASSERT_TRUE(ports.has_value());
  EXPECT_EQ((*ports)[0], (PublishedPort{80, 20002}));
  EXPECT_EQ((*ports)[1], (PublishedPort{443, 20003}));
}

}  // namespace
}  // namespace drover::controller
