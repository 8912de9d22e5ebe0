// The whole agent in this process: a real Docker Engine below it, a controller made for tests above it.
#include "agent/runtime/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/agent/agent_fixture.h"
#include "tests/support/missing.h"

namespace drover::agent {
namespace {

using ::testing::HasSubstr;

TEST_F(AgentTest, RunsStopsAndRemovesAndReportsHow) {
  StartAgent();
  EXPECT_EQ(hello_->name(), "testnode");
  EXPECT_EQ(hello_->node_id().size(), 16u);
  EXPECT_FALSE(hello_->engine_id().empty());
  EXPECT_GT(hello_->capacity().cpu_milli(), 0);
  EXPECT_EQ(hello_->advertise_address(), "127.0.0.1");

  controller_->Send(Run({Service("trap 'exit 0' TERM; while true; do sleep 0.1; done")}));
  ASSERT_TRUE(controller_->WaitState(1, v1::READY)) << "running for 3 s is ready";
  EXPECT_TRUE(controller_->WaitFor([](const FakeController& c) { return c.rows.at(1).cpu_known; }));
  EXPECT_TRUE(controller_->WaitFor([](const FakeController& c) {
    return !c.rows.at(1).detail.container_id().empty() && c.rows.at(1).detail.start_ms() > 0;
  }));

  controller_->Send(RemoveFirst());
  ASSERT_TRUE(controller_->WaitFor([](const FakeController& c) { return c.removed.size() == 1; }));
  ASSERT_TRUE(controller_->WaitFor([](const FakeController& c) { return c.stops.contains(kFirst); }));
  EXPECT_EQ(controller_->stops.at(kFirst).result(), v1::StopReport::CLEAN);
  EXPECT_EQ(ContainerIds(), "");
}

TEST_F(AgentTest, R5_2_KillOnlyAfterTheGrace) {
  StartAgent();
  controller_->Send(Run({Service("trap '' TERM; while true; do sleep 0.1; done")}));
  ASSERT_TRUE(controller_->WaitState(1, v1::READY));
  controller_->Send(RemoveFirst());
  ASSERT_TRUE(controller_->WaitFor([](const FakeController& c) { return c.stops.contains(kFirst); }));
  EXPECT_EQ(controller_->stops.at(kFirst).result(), v1::StopReport::TIMED_OUT);
  EXPECT_GE(controller_->stops.at(kFirst).signal_to_exit_ms(), 2000u);
  EXPECT_EQ(controller_->stops.at(kFirst).exit_code(), 137);
}

TEST_F(AgentTest, R1_6_ContainersOutliveTheAgentAndAreAdopted) {
  StartAgent();
  controller_->Send(Run({Service("sleep 1000")}));
  ASSERT_TRUE(controller_->WaitState(1, v1::READY));
  std::string before = ContainerIds();
  std::string node = hello_->node_id();
  agent_.reset();
  EXPECT_EQ(Shell("docker inspect -f '{{.State.Running}}' " + before), "true\n");

  int port = controller_->port();
  controller_.reset();
  controller_ = std::make_unique<FakeController>(port);
  StartAgent();
  EXPECT_EQ(hello_->node_id(), node);
  EXPECT_EQ(hello_->cluster_id(), "testcluster");
  EXPECT_EQ(hello_->applied_revision(), 1u);
  // Containers of other clusters on this engine are found too.
  EXPECT_TRUE(std::any_of(hello_->found().begin(), hello_->found().end(),
                          [](const v1::FoundReplica& found) { return found.replica_id() == kFirst; }));
  ASSERT_TRUE(controller_->WaitState(1, v1::READY)) << "goes on from its own disk, no assignment was sent";
  EXPECT_EQ(ContainerIds(), before);
}

TEST_F(AgentTest, R3_6_ACrashIsRestartedWithItsReasonAndLastLines) {
  StartAgent();
  controller_->Send(Run({Service("echo last words; exit 3")}));
  ASSERT_TRUE(controller_->WaitFor([](const FakeController& c) {
    auto it = c.rows.find(1);
    return it != c.rows.end() && it->second.detail.has_exited() && it->second.detail.restarts() >= 1 &&
           it->second.detail.message().find("last words") != std::string::npos;
  }));
  EXPECT_EQ(controller_->rows.at(1).detail.exit_code(), 3);
}

// The last lines are cut to a size, maybe within a character. A message with half a character could not be
// read: the controller would cut the stream, again and again.
TEST_F(AgentTest, R3_6_LastLinesThatAreNoTextEndNoStream) {
  StartAgent();
  const std::string many = "i=0; while [ $i -lt 5000 ]; do printf '\\303\\251'; i=$((i+1)); done";
  controller_->Send(Run({Service(many + "; echo; exit 3")}));
  ASSERT_TRUE(controller_->WaitFor([](const FakeController& c) {
    auto it = c.rows.find(1);
    return it != c.rows.end() && it->second.detail.message().find("?\303\251") != std::string::npos;
  }));
}

TEST_F(AgentTest, R3_7_ReplacesWhatWasRemovedByHand) {
  StartAgent();
  controller_->Send(Run({Service("sleep 1000")}));
  ASSERT_TRUE(controller_->WaitState(1, v1::READY));
  std::string before = ContainerIds();
  Shell("docker rm -f " + before);
  ASSERT_TRUE(controller_->WaitFor([](const FakeController& c) {
    return std::any_of(c.events.begin(), c.events.end(),
                       [](const v1::AgentEvent& event) { return event.reason() == "RemovedByHand"; });
  }));
  ASSERT_TRUE(controller_->WaitState(1, v1::READY));
  EXPECT_NE(ContainerIds(), before);
}

TEST_F(AgentTest, R9_1_AMissingImageSaysWhy) {
  StartAgent();
  v1::ServiceContext service = Service("true");
  service.mutable_container()->set_image("127.0.0.1:1/no/such:1");
  controller_->Send(Run({service}));
  ASSERT_TRUE(controller_->WaitFor([](const FakeController& c) {
    auto it = c.rows.find(1);
    return it != c.rows.end() && it->second.detail.reason() == "ImagePullFailed";
  }));
  EXPECT_THAT(controller_->rows.at(1).detail.message(), HasSubstr("connection refused"));
}

TEST_F(AgentTest, APortInUseIsNamed) {
  StartAgent();
  v1::ServiceContext service = Service("sleep 1000");
  service.mutable_container()->clear_network_mode();
  v1::PortSpec& port = *service.add_host_ports();
  port.set_target(8000);
  port.set_published(static_cast<uint32_t>(controller_->port()));  // held by this test
  port.set_host_ip("127.0.0.1");
  controller_->Send(Run({service}));
  ASSERT_TRUE(controller_->WaitFor([](const FakeController& c) {
    auto it = c.rows.find(1);
    return it != c.rows.end() && it->second.detail.reason() == "PortInUse";
  }));
}

TEST_F(AgentTest, R3_4_ReadyByHttpFromOutside) {
  StartAgent();
  v1::ServiceContext service =
      Service("mkdir -p /tmp/w; echo ok >/tmp/w/healthz; exec httpd -f -p 8000 -h /tmp/w");
  service.mutable_container()->clear_network_mode();
  service.mutable_container()->add_networks()->set_network(stack_ + "_default");
  service.add_networks()->set_engine_name(stack_ + "_default");
  service.mutable_ready()->mutable_http()->set_port(8000);
  service.mutable_ready()->mutable_http()->set_path("/healthz");
  controller_->Send(Run({service}));
  ASSERT_TRUE(controller_->WaitState(1, v1::READY));
  controller_->Send(RemoveFirst());
  ASSERT_TRUE(controller_->WaitFor([](const FakeController& c) { return c.removed.size() == 1; }));
  EXPECT_EQ(Shell("docker network ls -q --filter label=io.drover.stack=" + stack_), "") << "given back";
}

TEST_F(AgentTest, LogsAndExecAndImages) {
  StartAgent();
  controller_->Send(Run({Service("echo hello; sleep 1000")}));
  ASSERT_TRUE(controller_->WaitState(1, v1::READY));
  v1::ControllerMessage log;
  log.mutable_log_request()->set_request(11);
  log.mutable_log_request()->set_replica_id(kFirst);
  log.mutable_log_request()->set_tail(-1);
  controller_->Send(log);
  v1::ControllerMessage exec;
  exec.mutable_exec_request()->set_request(12);
  exec.mutable_exec_request()->set_replica_id(kFirst);
  for (const char* word : {"sh", "-c", "echo $DROVER_SERVICE; exit 7"}) {
    exec.mutable_exec_request()->add_command(word);
  }
  controller_->Send(exec);
  v1::ControllerMessage image;
  image.mutable_image_request()->set_request(13);
  image.mutable_image_request()->set_image(kTestImage);
  controller_->Send(image);
  ASSERT_TRUE(controller_->WaitFor([](const FakeController& c) {
    return c.ended.contains(11) && c.ended.contains(12) && c.images.contains(13);
  }));
  EXPECT_EQ(controller_->output[11], "hello\n");
  EXPECT_EQ(controller_->output[12], "web\n");
  EXPECT_EQ(controller_->ended[12].exit_code(), 7);
  EXPECT_TRUE(controller_->images[13].present());
  EXPECT_THAT(controller_->images[13].exposed_ports(), ::testing::ElementsAre(8000u));
}

TEST_F(AgentTest, StaticStability_ControllerAwayEverythingGoesOn) {
  StartAgent();
  controller_->Send(Run({Service("sleep 1000")}));
  ASSERT_TRUE(controller_->WaitState(1, v1::READY));
  int port = controller_->port();
  controller_.reset();
  std::string before = ContainerIds();
  Shell("docker kill " + before);
  // Restarted in place with nobody above; the new stream shows it.
  controller_ = std::make_unique<FakeController>(port);
  ASSERT_TRUE(controller_->WaitHello());
  ASSERT_TRUE(controller_->WaitState(1, v1::READY));
}

TEST_F(AgentTest, R3_8_AnEngineThatGoesAwayIsSaidAndRecoveredFrom) {
  PrivateDockerd dockerd;
  if (!dockerd.Start()) {
    DROVER_MISSING("a private dockerd cannot be started here");
  }
  config_.docker_socket = dockerd.socket();
  StartAgent();
  v1::ServiceContext service = Service("sleep 1000");
  controller_->Send(Run({service}));
  ASSERT_TRUE(controller_->WaitState(1, v1::READY));
  dockerd.Stop();
  uint64_t before = 0;
  controller_->WaitFor([&](const FakeController& c) {
    before = c.reports;
    return true;
  });
  EXPECT_TRUE(controller_->WaitFor([&](const FakeController& c) { return c.reports > before + 5; }))
      << "reports go on";
  ASSERT_TRUE(dockerd.Start());
  ASSERT_TRUE(controller_->WaitFor([](const FakeController& c) {
    auto it = c.rows.find(1);
    return it != c.rows.end() && it->second.state == v1::READY && it->second.detail.restarts() >= 1;
  }));
}

TEST_F(AgentTest, ASecondAgentOnOneStateDirIsRefused) {
  StartAgent();
  absl::StatusOr<std::unique_ptr<Agent>> second = Agent::Start(config_);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("in use by another drover-agent"));
}

}  // namespace
}  // namespace drover::agent
