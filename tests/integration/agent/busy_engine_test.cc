// The agent above an engine that answers late, and the agent's own restart.
#include <gtest/gtest.h>

#include "tests/integration/agent/agent_fixture.h"
#include "tests/integration/agent/stalling_proxy.h"

namespace drover::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kStall(8);
// Reports are due every 200 ms; the rest is for a loaded machine.
constexpr milliseconds kSilence(1500);

class BusyEngineTest : public AgentTest {
 protected:
  void SetUp() override {
    AgentTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    config_.docker_socket = dir_ + "/docker.sock";
    proxy_ = std::make_unique<StallingProxy>(config_.docker_socket, kDockerSocket);
  }

  void TearDown() override {
    AgentTest::TearDown();
    proxy_.reset();
  }

  v1::ServiceContext WebService() {
    v1::ServiceContext service =
        Service("mkdir -p /tmp/w; echo ok >/tmp/w/healthz; exec httpd -f -p 8000 -h /tmp/w");
    service.mutable_container()->clear_network_mode();
    service.mutable_container()->add_networks()->set_network(stack_ + "_default");
    service.add_networks()->set_engine_name(stack_ + "_default");
    service.mutable_ready()->mutable_http()->set_port(8000);
    service.mutable_ready()->mutable_http()->set_path("/healthz");
    return service;
  }

  std::unique_ptr<StallingProxy> proxy_;
};

TEST_F(BusyEngineTest, R2_3_ReportsKeepTheirIntervalWhileTheEngineStalls) {
  StartAgent();
  controller_->Send(Run({Service("sleep 1000"), Service("sleep 1001")}));
  ASSERT_TRUE(controller_->WaitState(1, v1::READY));
  proxy_->Stall(kStall);
  controller_->Send(RemoveFirst());
  uint64_t before = 0;
  controller_->WaitFor([&](const FakeController& c) {
    before = c.reports;
    return true;
  });
  // At 200 ms, more than the stall's time.
  EXPECT_TRUE(controller_->WaitFor([&](const FakeController& c) { return c.reports > before + 45; }));
  EXPECT_TRUE(controller_->WaitFor([](const FakeController& c) { return c.removed.size() == 1; }));
  EXPECT_TRUE(controller_->WaitFor([](const FakeController& c) { return c.longest_silence < kSilence; }));
}

TEST_F(BusyEngineTest, R3_8_AStartUnderABusyEngineIsHeardAtOnce) {
  proxy_->Stall(kStall);
  auto start = std::chrono::steady_clock::now();
  StartAgent();
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(5));
  EXPECT_TRUE(controller_->WaitFor([](const FakeController& c) { return c.reports > 5; }, seconds(3)));
  EXPECT_TRUE(controller_->WaitFor([](const FakeController& c) { return c.full_reports == 0; }))
      << "nothing is known of replicas yet";
  EXPECT_TRUE(controller_->WaitFor([](const FakeController& c) { return c.full_reports > 0; }));
  EXPECT_TRUE(controller_->WaitFor([](const FakeController& c) { return c.longest_silence < kSilence; }));
}

TEST_F(BusyEngineTest, R3_4_AnAdoptedReplicaIsProbedBeforeItIsReported) {
  StartAgent();
  controller_->Send(Run({WebService()}));
  ASSERT_TRUE(controller_->WaitState(1, v1::READY));
  agent_.reset();
  int port = controller_->port();
  controller_.reset();
  controller_ = std::make_unique<FakeController>(port);
  StartAgent();
  ASSERT_TRUE(controller_->WaitFor([](const FakeController& c) { return c.full_reports > 0; }));
  EXPECT_TRUE(controller_->WaitState(1, v1::READY));
  EXPECT_TRUE(controller_->WaitFor([](const FakeController& c) {
    return c.states.at(1) == std::vector<v1::ReplicaState>{v1::READY};
  })) << "never anything else";
}

TEST_F(BusyEngineTest, R5_2_ALongStopKeepsNothingElseWaiting) {
  StartAgent();
  std::vector<v1::ServiceContext> stubborn;
  for (int i = 0; i < 6; ++i) {
    stubborn.push_back(Service(absl::StrCat("trap '' TERM; while true; do sleep 0.1; done; : ", i)));
    stubborn.back().mutable_container()->mutable_stop_grace_period()->set_seconds(60);
  }
  controller_->Send(Run(stubborn));
  for (uint32_t handle = 1; handle <= 6; ++handle) {
    ASSERT_TRUE(controller_->WaitState(handle, v1::READY));
  }
  v1::ControllerMessage next = Run({Service("sleep 1000")});
  v1::RunReplica& run = *next.mutable_assignment()->mutable_run(0);
  run.set_replica_id(kFirst + 100);
  run.set_handle(101);
  run.set_number(101);
  for (uint64_t i = 0; i < 6; ++i) {
    v1::RemoveReplica& remove = *next.mutable_assignment()->add_remove();
    remove.set_replica_id(kFirst + i);
    remove.set_reason("ScaleDown");
    next.mutable_assignment()->set_operator_change(true);
  }
  controller_->Send(next);
  EXPECT_TRUE(controller_->WaitState(101, v1::READY, seconds(20)));
  EXPECT_TRUE(controller_->WaitFor([](const FakeController& c) { return c.stops.empty(); }))
      << "they still stop";
}

}  // namespace
}  // namespace drover::agent
