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

}  // namespace
}  // namespace drover::controller
