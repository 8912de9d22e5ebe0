// The whole core on its shortest way: a node connects, a stack is applied, replicas get ready.
#include "controller/core/core.h"

#include <gtest/gtest.h>

#include "tests/support/core_cluster.h"

namespace drover::controller {
namespace {

StackSpec OneService(int64_t replicas) {
  ServiceSpec web;
  web.name = "web";
  web.context = "context";
  web.spec_hash = "h1";
  web.image = "shop/web:1";
  web.replicas = replicas;
  web.routed_ports = {80};
  return {.name = "shop", .services = {web}, .queues = {}, .source = ""};
}

TEST(CoreTest, R3_1_ConnectApplyAssignReportReady) {
  CoreCluster cluster;
  FakeAgent& a = cluster.AddAgent("a");
  a.auto_start = true;
  cluster.Connect(a);
  cluster.Take();
  ApplyStack apply;
  apply.now = cluster.now();
  apply.spec = OneService(2);
  cluster.Step(apply);
  const Ready ready = cluster.Take();
  ASSERT_EQ(ready.replies.size(), 1U);
  EXPECT_TRUE(ready.replies[0].status.ok()) << ready.replies[0].status;
  EXPECT_EQ(a.run.size(), 2U);
  cluster.Pass(absl::Seconds(2), [](const Ready&) {});
  const ServiceView& web = *cluster.view()->services.at({"shop", "web"});
  EXPECT_TRUE(web.converged) << web.status;
  EXPECT_EQ(web.status, "2/2 ready");
}

TEST(CoreTest, R3_5_MemoryThatNobodyReservedIsObserved) {
  CoreCluster cluster;
  FakeAgent& a = cluster.AddAgent("a");
  a.auto_start = true;
  cluster.Connect(a);
  ApplyStack apply;
  apply.now = cluster.now();
  apply.spec = OneService(1);
  apply.spec.services[0].reserved_memory.reset();
  cluster.Step(apply);
  cluster.Take();
  const auto reserved = [&] { return cluster.view()->services.at({"shop", "web"})->reserved.memory.value(); };
  EXPECT_EQ(reserved(), CoreOptions().assumed_memory.value());
  EXPECT_TRUE(cluster.view()->services.at({"shop", "web"})->reservation_assumed);
  cluster.Pass(absl::Seconds(2), [](const Ready&) {});
  ASSERT_EQ(a.replicas.size(), 1U);
  a.replicas.begin()->second.memory_bytes = 100LL << 20;
  cluster.Pass(absl::Seconds(70), [](const Ready&) {});

  apply.now = cluster.now();
  apply.spec.services[0].replicas = 2;
  cluster.Step(apply);
  cluster.Take();
  EXPECT_GE(reserved(), 100LL << 20);
  EXPECT_LE(reserved(), 110LL << 20);
  std::vector<int64_t> records;
  for (const auto& [id, record] : cluster.store().replicas()) {
    records.push_back(record.reserved.memory.value());
  }
  EXPECT_THAT(records, testing::UnorderedElementsAre(CoreOptions().assumed_memory.value(), reserved()))
      << "the first keeps what it was placed with";
}

// A cluster with an edge and one replica behind it.
class EdgeTest : public ::testing::Test {
 protected:
  EdgeTest() : a_(cluster_.AddAgent("a")) {
    a_.auto_start = true;
    a_.edge = true;
    a_.labels = {{"power", "4"}};
    cluster_.Connect(a_);
    ApplyStack apply;
    apply.now = cluster_.now();
    apply.spec = OneService(1);
    ListenerSpec listener;
    listener.port = 8080;
    listener.target = 80;
    listener.traffic.weight_label = "power";
    apply.spec.services[0].listeners = {listener};
    cluster_.Step(apply);
    cluster_.Pass(absl::Seconds(2), [](const Ready&) {});
  }

  uint32_t Weight() const {
    return a_.sets.size() == 1 && a_.sets[0].backends.size() == 1 ? a_.sets[0].backends[0].weight : 0;
  }

  uint32_t WeightOf(const std::string& label) {
    cluster_.Disconnect(a_);
    a_.labels = {{"power", label}};
    cluster_.Connect(a_);
    cluster_.Pass(absl::Seconds(2), [](const Ready&) {});
    return Weight();
  }

  CoreCluster cluster_;
  FakeAgent& a_;
};

TEST_F(EdgeTest, AReplicaWeighsWhatTheLabelOfItsNodeSays) {
  EXPECT_EQ(Weight(), 4U);
  EXPECT_EQ(WeightOf("100"), 100U);
  EXPECT_EQ(WeightOf("1000"), 256U);
  EXPECT_EQ(WeightOf("0"), 1U);
  EXPECT_EQ(WeightOf("much"), 1U);
}

TEST_F(EdgeTest, WhatWasClosedAtADrainLimitIsSaidOnceWithItsNumber) {
  std::vector<std::string> said;
  const auto listen = [&](const Ready& ready) {
    for (const EventRecord& event : ready.events) {
      if (event.reason == "ConnectionsClosed") {
        said.push_back(event.message);
      }
    }
  };
  EdgeStatus status;
  status.instance = 1;
  status.reachable = true;
  EdgeSetStatus& set = status.sets.emplace_back();
  set.set = a_.sets.at(0).handle;
  set.applied_epoch = a_.sets[0].epoch;
  set.applied_revision = a_.sets[0].revision;
  for (const uint64_t closed : {2, 2, 5, 0, 1}) {  // the agent was started anew before the last two
    set.closed_total = closed;
    a_.edge_status = status;
    cluster_.Report(a_);
    listen(cluster_.Take());
  }
  ASSERT_EQ(said.size(), 3U);
  EXPECT_NE(said[0].find("closed 2 connections"), std::string::npos) << said[0];
  EXPECT_NE(said[1].find("closed 3 connections"), std::string::npos) << said[1];
  EXPECT_NE(said[2].find("closed 1 connection "), std::string::npos) << said[2];
}

}  // namespace
}  // namespace drover::controller
