// The whole agent in the test's process: a real Docker Engine below it, a controller made for tests above it.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/runtime/agent.h"
#include "tests/integration/agent/docker_fixture.h"
#include "tests/integration/agent/fake_controller.h"
#include "tests/support/missing.h"

namespace drover::agent {

inline constexpr uint64_t kFirst = 0x1001;

class AgentTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::string missing = DockerMissing(); !missing.empty()) {
      DROVER_MISSING(missing);
    }
    stack_ = UniqueStack();
    std::string pattern = "/tmp/drover-agent-test-XXXXXX";
    dir_ = mkdtemp(pattern.data());
    controller_ = std::make_unique<FakeController>();
    config_.controllers = {controller_->address()};
    config_.state_dir = dir_;
    config_.name = "testnode";
    config_.metrics_listen = "";
    config_.docker_config = dir_ + "/none.json";
  }

  void TearDown() override {
    agent_.reset();
    controller_.reset();
    if (!stack_.empty()) {
      RemoveStack(stack_);
    }
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }

  void StartAgent() {
    absl::StatusOr<std::unique_ptr<Agent>> agent = Agent::Start(config_);
    ASSERT_TRUE(agent.ok()) << agent.status();
    agent_ = *std::move(agent);
    hello_ = controller_->WaitHello();
    ASSERT_TRUE(hello_);
  }

  v1::ServiceContext Service(const std::string& script) {
    v1::ServiceContext service;
    service.set_spec_hash(absl::StrCat("spec-", stack_, "-", std::hash<std::string>()(script)));
    service.set_stack(stack_);
    service.set_service("web");
    v1::ContainerSpec& container = *service.mutable_container();
    container.set_image(kTestImage);
    for (const std::string& word : {std::string("sh"), std::string("-c"), script}) {
      container.add_command(word);
    }
    container.set_network_mode("none");
    container.mutable_stop_grace_period()->set_seconds(2);
    return service;
  }

  // A full assignment that runs one replica of each service.
  v1::ControllerMessage Run(const std::vector<v1::ServiceContext>& services) {
    v1::ControllerMessage message;
    v1::Assignment& assignment = *message.mutable_assignment();
    assignment.set_cluster_id("testcluster");
    assignment.set_epoch(1);
    assignment.set_revision(++revision_);
    uint32_t number = 0;
    for (const v1::ServiceContext& service : services) {
      *assignment.add_services() = service;
      v1::RunReplica& run = *assignment.add_run();
      run.set_replica_id(kFirst + number);
      run.set_handle(++number);
      run.set_number(number);
      run.set_spec_hash(service.spec_hash());
    }
    return message;
  }

  v1::ControllerMessage RemoveFirst() {
    v1::ControllerMessage message = Run({});
    v1::RemoveReplica& remove = *message.mutable_assignment()->add_remove();
    remove.set_replica_id(kFirst);
    remove.set_reason("ScaleDown");
    return message;
  }

  std::string ContainerIds() {
    return Shell("docker ps -aq --no-trunc --filter label=io.drover.stack=" + stack_);
  }

  Config config_;
  std::string dir_;
  std::string stack_;
  std::unique_ptr<FakeController> controller_;
  std::unique_ptr<Agent> agent_;
  std::optional<v1::Hello> hello_;
  uint64_t revision_ = 0;
};

}  // namespace drover::agent
