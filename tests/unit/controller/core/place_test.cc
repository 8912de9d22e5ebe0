#include "controller/core/place.h"

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
    EXPECT_THAT(once.Best().excluded, HasSubstr("and 4 more"));
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

struct Exclusion {
  const char* name;
  void (*change)(ModelBuilder&, Node&, ServiceSpec&);
  const char* reason;
};

class ExclusionTest : public testing::TestWithParam<Exclusion> {};

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
        Exclusion{"cpu", [](ModelBuilder&, Node& n, ServiceSpec&) { n.record.capacity.cpu = MilliCpu(200); },
                  "a: 0.2 CPU free, 0.5 CPU wanted"},
        Exclusion{"memory",
                  [](ModelBuilder&, Node& n, ServiceSpec&) { n.record.capacity.memory = Bytes(64LL << 20); },
                  "a: 64 MiB free, 128 MiB wanted"},
        Exclusion{"suspect", [](ModelBuilder&, Node& n, ServiceSpec&) { n.status = NodeStatus::kSuspect; },
                  "a: silent"},
        Exclusion{"lost", [](ModelBuilder&, Node& n, ServiceSpec&) { n.status = NodeStatus::kLost; },
                  "a: lost"},
        Exclusion{"stream", [](ModelBuilder&, Node& n, ServiceSpec&) { n.stream.reset(); },
                  "a: not connected"},
        Exclusion{"pinned", [](ModelBuilder&, Node&, ServiceSpec& s) { s.local_data = {"data"}; },
                  "a: does not hold its data"},
        Exclusion{"ports",
                  [](ModelBuilder&, Node& n, ServiceSpec& s) {
                    s.routed_ports = {80, 443};
                    n.record.port_last = n.record.port_first;
                  },
                  "a: no free port in its port_range 20000-20000"},
        Exclusion{"host_port",
                  [](ModelBuilder& builder, Node& n, ServiceSpec& s) {
                    s.host_ports = {53};
                    ServiceSpec other = ModelBuilder::Spec("dns");
                    other.host_ports = {53};
                    builder.AddReplica(builder.AddService(other), n, ReplicaState::kRunning);
                  },
                  "a: host port 53 is taken"}),
    [](const auto& param) { return param.param.name; });

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
