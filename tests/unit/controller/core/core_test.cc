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

}  // namespace
}  // namespace drover::controller
