// The host's own rules on a real Docker Engine (R10.4).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/runtime/edge_runner.h"
#include "tests/integration/agent/agent_fixture.h"

namespace drover::agent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class PolicyTest : public AgentTest {
 protected:
  // What the agent says of the first replica, once it is refused.
  std::string Refusal() {
    const bool refused = controller_->WaitFor([](const FakeController& c) {
      const auto row = c.rows.find(1);
      return row != c.rows.end() && row->second.state == v1::FAILED &&
             row->second.detail.reason() == "PolicyRefused";
    });
    return refused ? controller_->rows.at(1).detail.message() : "it was not refused";
  }

  bool WaitEvent(const std::string& reason) {
    return controller_->WaitFor([&](const FakeController& c) {
      return std::any_of(c.events.begin(), c.events.end(),
                         [&](const v1::AgentEvent& event) { return event.reason() == reason; });
    });
  }

  // The same agent with the configuration as it is now.
  void RestartAgent() {
    agent_.reset();
    const int port = controller_->port();
    controller_.reset();
    controller_ = std::make_unique<FakeController>(port);
    StartAgent();
  }
};

TEST_F(PolicyTest, R10_4_WhatTheHostRefusesIsNotCreated) {
  config_.policy.guarded = {{kDockerSocket, "the engine's socket"}};
  StartAgent();
  v1::ServiceContext service = Service("sleep 1000");
  service.mutable_container()->set_privileged(true);
  service.mutable_container()->add_cap_add("SYS_ADMIN");
  v1::Mount& socket = *service.mutable_container()->add_mounts();
  socket.set_type(v1::Mount::BIND);
  socket.set_source(kDockerSocket);
  socket.set_target("/docker.sock");
  v1::VolumeSpec& volume = *service.add_volumes();
  volume.set_engine_name(stack_ + "_data");
  controller_->Send(Run({service}));
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("this host refuses the bind mount of /var/run/docker.sock"),
                               HasSubstr("the engine's socket"), HasSubstr("`policy: {privileged: true}`"),
                               HasSubstr("`policy: {capabilities: [default, SYS_ADMIN]}`")));
  EXPECT_EQ(ContainerIds(), "");
  EXPECT_EQ(Shell("docker volume ls -q --filter name=" + stack_), "");
}

TEST_F(PolicyTest, R10_4_AChangedPolicyIsTriedAgainAtTheNextStart) {
  v1::ServiceContext service = Service("sleep 1000");
  service.mutable_container()->add_cap_add("NET_ADMIN");
  StartAgent();
  controller_->Send(Run({service}));
  EXPECT_THAT(Refusal(), HasSubstr("NET_ADMIN"));
  config_.policy.capabilities.entries = {"NET_ADMIN"};
  RestartAgent();
  EXPECT_TRUE(controller_->WaitState(1, v1::READY)) << "from its own disk, nothing was sent";
  EXPECT_THAT(Shell("docker inspect -f '{{.HostConfig.CapAdd}}' " + ContainerIds()), HasSubstr("NET_ADMIN"));
}

TEST_F(PolicyTest, R10_4_AStricterPolicyStopsNothingThatRuns) {
  v1::ServiceContext service = Service("sleep 1000");
  service.mutable_container()->add_cap_add("NET_ADMIN");
  config_.policy.capabilities.entries = {"NET_ADMIN"};
  StartAgent();
  controller_->Send(Run({service}));
  ASSERT_TRUE(controller_->WaitState(1, v1::READY));
  const std::string before = ContainerIds();
  config_.policy.capabilities.entries.clear();
  RestartAgent();
  ASSERT_TRUE(controller_->WaitState(1, v1::READY));
  EXPECT_TRUE(WaitEvent("RunsAgainstPolicy"));
  EXPECT_EQ(ContainerIds(), before);
  EXPECT_EQ(Shell("docker inspect -f '{{.State.Running}}' " + before), "true\n");
  // It ended by itself: a new start is the host's to refuse.
  Shell("docker kill " + before);
  EXPECT_THAT(Refusal(), HasSubstr("NET_ADMIN"));
  EXPECT_EQ(ContainerIds(), before) << "kept, with its logs, until the controller removes it";
}

TEST_F(PolicyTest, R10_4_NobodyRunsCommandsWhereThatIsOff) {
  config_.policy.exec = false;
  config_.policy.images = {.defaults = false, .entries = {"drover-test/*"}};
  StartAgent();
  controller_->Send(Run({Service("sleep 1000")}));
  ASSERT_TRUE(controller_->WaitState(1, v1::READY));
  v1::ControllerMessage exec;
  exec.mutable_exec_request()->set_request(12);
  exec.mutable_exec_request()->set_replica_id(kFirst);
  exec.mutable_exec_request()->add_command("true");
  controller_->Send(exec);
  v1::ControllerMessage image;
  image.mutable_image_request()->set_request(13);
  image.mutable_image_request()->set_image("evil/miner:1");
  image.mutable_image_request()->set_pull(true);
  controller_->Send(image);
  ASSERT_TRUE(controller_->WaitFor(
      [](const FakeController& c) { return c.ended.contains(12) && c.images.contains(13); }));
  EXPECT_THAT(controller_->ended[12].error(), AllOf(HasSubstr("PolicyRefused: "), HasSubstr("exec: true")));
  EXPECT_THAT(controller_->images[13].error(),
              AllOf(HasSubstr("PolicyRefused: "), HasSubstr("evil/miner:1")));
}

// The name of a file comes from the controller: it must not lead out of the agent's folder.
TEST_F(PolicyTest, R10_4_AFilesHashIsNoPath) {
  StartAgent();
  const std::string outside = dir_ + "/outside";
  v1::ServiceContext service = Service("sleep 1000");
  v1::FileDigest& file = *service.add_files();
  file.set_name("config/x");
  file.set_sha256("../outside");
  file.set_content("bad");
  v1::FileMount& mount = *service.mutable_container()->add_files();
  mount.set_file("config/x");
  mount.set_target("/x");
  controller_->Send(Run({service}));
  ASSERT_TRUE(controller_->WaitFor([](const FakeController& c) {
    const auto row = c.rows.find(1);
    return row != c.rows.end() &&
           row->second.detail.message().find("is not hexadecimal") != std::string::npos;
  }));
  EXPECT_FALSE(std::filesystem::exists(outside));
  EXPECT_EQ(ContainerIds(), "");
}

// A balancer that keeps what it is told.
class QuietEdge : public Edge {
 public:
  explicit QuietEdge(std::vector<EdgeSet>* wanted) : wanted_(wanted) {}

  void SetDesired(std::vector<EdgeSet> sets) override { *wanted_ = std::move(sets); }

  EdgeState Reconcile(Instant /*now*/) override {
    EdgeState state;
    for (const EdgeSet& set : *wanted_) {
      state.sets.emplace_back().handle = set.handle;
    }
    return state;
  }

  EdgeCheckReport Check(uint32_t /*handle*/) override { return {}; }

  std::string Describe() const override { return "quiet"; }

 private:
  std::vector<EdgeSet>* wanted_;
};

TEST(EdgePolicyTest, R10_4_AListenerWithAForbiddenCertificateIsLeftOutAndNamed) {
  std::vector<EdgeSet> wanted;
  std::optional<EdgeState> state;
  {
    EdgeRunner runner(
        std::make_unique<QuietEdge>(&wanted), [] {},
        [](const std::string& path) {
          return path == "/etc/shadow" ? absl::PermissionDeniedError("this host refuses /etc/shadow")
                                       : absl::OkStatus();
        });
    EdgeSet set;
    set.handle = 7;
    set.listeners = {{.bind = "", .port = 80, .host = "", .path = "", .tls_path = ""},
                     {.bind = "", .port = 443, .host = "", .path = "", .tls_path = "/etc/shadow"}};
    EdgeSet other = set;
    other.handle = 8;
    other.listeners[1].tls_path = "/etc/drover/x.pem";
    runner.SetDesired({1, 1}, {set, other});
    for (int i = 0; i < 500 && (!state || state->sets.size() < 2); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      state = runner.state();
    }
  }
  ASSERT_TRUE(state && state->sets.size() == 2);
  EXPECT_EQ(state->sets[0].error, "PolicyRefused: this host refuses /etc/shadow");
  EXPECT_EQ(state->sets[1].error, "");
  EXPECT_EQ(wanted[0].listeners.size(), 1u);
  EXPECT_EQ(wanted[1].listeners.size(), 2u);
}

}  // namespace
}  // namespace drover::agent
