// The Engine client against a real Docker Engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "agent/runtime/docker/client.h"
#include "agent/runtime/docker/create_body.h"
#include "tests/integration/agent/docker_fixture.h"
#include "tests/support/missing.h"

namespace drover::agent::docker {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DockerClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::string missing = DockerMissing(); !missing.empty()) {
      DROVER_MISSING(missing);
    }
    stack_ = UniqueStack();
    absl::StatusOr<EngineVersion> version = client_.Negotiate();
    ASSERT_TRUE(version.ok()) << version.status();
  }

  void TearDown() override {
    if (!stack_.empty()) {
      RemoveStack(stack_);
    }
  }

  v1::ServiceContext Context(const std::string& script) {
    v1::ServiceContext context;
    context.set_stack(stack_);
    context.set_service("web");
    context.set_spec_hash("spec1");
    for (const std::string& word : {std::string("sh"), std::string("-c"), script}) {
      context.mutable_container()->add_command(word);
    }
    context.mutable_container()->set_network_mode("none");
    return context;
  }

  ReplicaToCreate Replica(uint64_t id) {
    ReplicaToCreate replica;
    replica.replica = ReplicaId(id);
    replica.cluster = ClusterId("testcluster");
    replica.epoch = Epoch(3);
    replica.number = static_cast<uint32_t>(id);
    replica.image = kTestImage;
    replica.node = "n1";
    replica.advertise_address = "127.0.0.1";
    return replica;
  }

  // Created and started; its id.
  std::string Run(const std::string& script, uint64_t replica = 1) {
    v1::ServiceContext context = Context(script);
    absl::StatusOr<Created> created = client_.Create(
        ContainerName(context, static_cast<uint32_t>(replica), 0), "", CreateBody(context, Replica(replica)));
    EXPECT_TRUE(created.ok()) << created.status();
    EXPECT_TRUE(client_.Start(created->id).ok());
    return created->id;
  }

  Client client_{kDockerSocket};
  std::string stack_;
};

TEST_F(DockerClientTest, NegotiatesAVersionAndKnowsTheEngine) {
  absl::StatusOr<EngineVersion> version = client_.Negotiate();
  ASSERT_TRUE(version.ok()) << version.status();
  EXPECT_THAT(version->api_version, ::testing::StartsWith("1."));
  absl::StatusOr<EngineInfo> info = client_.Info();
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_FALSE(info->id.empty());
  EXPECT_GT(info->cpus, 0u);
  EXPECT_GT(info->memory_bytes, 0);
}

TEST_F(DockerClientTest, CreateStartInspectKillWaitRemove) {
  std::string id = Run("trap 'exit 3' TERM; while true; do sleep 0.1; done");
  absl::StatusOr<Inspected> inspected = client_.Inspect(id);
  ASSERT_TRUE(inspected.ok()) << inspected.status();
  const Container& container = inspected->container;
  EXPECT_EQ(container.replica, ReplicaId(1));
  EXPECT_EQ(container.cluster, ClusterId("testcluster"));
  EXPECT_EQ(container.stack, stack_);
  EXPECT_EQ(container.service, "web");
  EXPECT_EQ(container.spec_hash, "spec1");
  EXPECT_EQ(container.epoch, 3u);
  EXPECT_EQ(container.name, stack_ + "-web-1");
  EXPECT_EQ(container.status, Container::Status::kRunning);
  EXPECT_GT(container.pid, 0);
  EXPECT_FALSE(inspected->auto_restart);

  EXPECT_TRUE(absl::IsDeadlineExceeded(client_.Wait(id, absl::Milliseconds(300)).status()));
  EXPECT_TRUE(client_.Kill(id, "SIGTERM").ok());
  absl::StatusOr<int32_t> code = client_.Wait(id, absl::Seconds(10));
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, 3);
  EXPECT_TRUE(client_.Kill(id, "SIGKILL").ok()) << "it does not run: fine";
  EXPECT_TRUE(client_.Remove(id, true).ok());
  EXPECT_TRUE(client_.Remove(id, true).ok()) << "it does not exist: fine";
  EXPECT_TRUE(absl::IsNotFound(client_.Inspect(id).status()));
}

TEST_F(DockerClientTest, ListsByLabel) {
  std::string id = Run("exit 0", 5);
  ASSERT_TRUE(client_.Wait(id, absl::Seconds(10)).ok());
  absl::StatusOr<std::vector<Container>> list = client_.List("io.drover.stack=" + stack_);
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->size(), 1u);
  EXPECT_EQ(list->front().replica, ReplicaId(5));
  EXPECT_EQ(list->front().status, Container::Status::kExited);
}

TEST_F(DockerClientTest, WhatWasAskedForIsThere) {
  v1::ServiceContext context = Context("sleep 100");
  v1::ContainerSpec& spec = *context.mutable_container();
  spec.set_limit_memory_bytes(64 << 20);
  spec.set_limit_cpu_milli(500);
  spec.add_cap_drop("ALL");
  spec.set_init(true);
  spec.add_environment("A=1");
  spec.mutable_healthcheck()->add_test("NONE");
  (*spec.mutable_tmpfs())["/run"] = "size=1m";
  std::string body = CreateBody(context, Replica(1));
  absl::StatusOr<Created> created = client_.Create(stack_ + "-web-1", "", body);
  ASSERT_TRUE(created.ok()) << created.status();
  absl::StatusOr<Inspected> inspected = client_.Inspect(created->id);
  ASSERT_TRUE(inspected.ok()) << inspected.status();
  EXPECT_THAT(Dropped(body, inspected->raw), IsEmpty());
}

TEST_F(DockerClientTest, NameConflictIsAlreadyExists) {
  Run("sleep 100");
  v1::ServiceContext context = Context("sleep 100");
  absl::StatusOr<Created> second = client_.Create(stack_ + "-web-1", "", CreateBody(context, Replica(2)));
  EXPECT_TRUE(absl::IsAlreadyExists(second.status())) << second.status();
}

TEST_F(DockerClientTest, EventsOfOurContainersArrive) {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> actions;
  auto cancel = std::make_shared<Cancel>();
  std::thread watcher([&] {
    absl::Status status = client_.Events(
        "io.drover.stack=" + stack_, absl::ToUnixSeconds(absl::Now()),
        [&](const EngineEvent& event) {
          std::lock_guard lock(mutex);
          actions.push_back(event.action);
          changed.notify_all();
        },
        cancel);
    EXPECT_TRUE(absl::IsCancelled(status)) << status;
  });
  Run("exit 4");
  {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(20), [&] {
      return std::find(actions.begin(), actions.end(), "die") != actions.end();
    }));
    EXPECT_THAT(actions, Contains("create"));
    EXPECT_THAT(actions, Contains("start"));
  }
  cancel->Trigger();
  watcher.join();
}

TEST_F(DockerClientTest, LogsSeparateSourcesAndTail) {
  std::string id = Run("echo one; echo two; echo bad >&2");
  ASSERT_TRUE(client_.Wait(id, absl::Seconds(10)).ok());
  std::string out;
  std::string error;
  auto sink = [&](int source, absl::string_view data) {
    (source == 1 ? out : error).append(data.data(), data.size());
    return true;
  };
  ASSERT_TRUE(client_.Logs(id, {}, sink, std::make_shared<Cancel>()).ok());
  EXPECT_EQ(out, "one\ntwo\n");
  EXPECT_EQ(error, "bad\n");
  out.clear();
  error.clear();
  ASSERT_TRUE(client_.Logs(id, {.tail = 1}, sink, std::make_shared<Cancel>()).ok());
  EXPECT_EQ((out + error).size(), 4u) << "one line of the two sources, whichever the engine saw last";
}

TEST_F(DockerClientTest, FollowedLogsEndWhenCancelled) {
  std::string id = Run("while true; do echo tick; sleep 0.05; done");
  auto cancel = std::make_shared<Cancel>();
  std::atomic<int> seen = 0;
  absl::Status status = client_.Logs(
      id, {.follow = true},
      [&](int, absl::string_view) {
        if (++seen == 3) {
          std::thread([cancel] { cancel->Trigger(); }).detach();
        }
        return true;
      },
      cancel);
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

TEST_F(DockerClientTest, ExecWithInputOutputAndExitCode) {
  std::string id = Run("sleep 100");
  std::string out;
  std::string error;
  ExecOptions options;
  options.command = {"sh", "-c", "cat; echo $A >&2; exit 5"};
  options.environment = {"A=b"};
  options.input = std::string(200000, 'x');
  absl::StatusOr<int32_t> code = client_.Exec(
      id, options,
      [&](int source, absl::string_view data) {
        (source == 1 ? out : error).append(data.data(), data.size());
        return true;
      },
      std::make_shared<Cancel>());
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, 5);
  EXPECT_EQ(out, options.input);
  EXPECT_EQ(error, "b\n");
}

TEST_F(DockerClientTest, R9_1_PullFailureSaysTheRegistrysWords) {
  absl::Status status =
      client_.Pull("127.0.0.1:1/no/such:1", "", "", absl::Seconds(30), std::make_shared<Cancel>());
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("pull 127.0.0.1:1/no/such:1: "));
  EXPECT_THAT(std::string(status.message()), HasSubstr("connection refused"));
}

TEST_F(DockerClientTest, ImagesSayPortsAndId) {
  absl::StatusOr<ImageInfo> image = client_.InspectImage(kTestImage);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_THAT(image->id, ::testing::StartsWith("sha256:"));
  EXPECT_THAT(image->exposed_tcp_ports, ::testing::ElementsAre(8000u));
  EXPECT_TRUE(absl::IsNotFound(client_.InspectImage("drover-test/none:1").status()));
}

TEST_F(DockerClientTest, NetworksAndVolumes) {
  std::map<std::string, std::string> labels = {{"io.drover.stack", stack_}};
  Client::NewNetwork network{stack_ + "_default", "", "10.213.77.0/24", true, {}, labels};
  ASSERT_TRUE(client_.CreateNetwork(network).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(client_.CreateNetwork(network)));
  absl::StatusOr<NetworkInfo> info = client_.InspectNetwork(network.name);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_THAT(info->subnets, ::testing::ElementsAre("10.213.77.0/24"));
  EXPECT_EQ(info->labels.at("io.drover.stack"), stack_);
  EXPECT_TRUE(client_.RemoveNetwork(network.name).ok());

  EXPECT_TRUE(absl::IsNotFound(client_.VolumeLabels(stack_ + "_data").status()));
  ASSERT_TRUE(client_.CreateVolume(stack_ + "_data", "", {}, labels).ok());
  EXPECT_EQ(client_.VolumeLabels(stack_ + "_data")->at("io.drover.stack"), stack_);
  EXPECT_TRUE(client_.RemoveVolume(stack_ + "_data").ok());
}

TEST(DockerClientWithoutEngineTest, SaysThatNobodyAnswers) {
  Client client("/tmp/drover-no-such.sock");
  absl::Status status = client.Negotiate().status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("/tmp/drover-no-such.sock"));
}

}  // namespace
}  // namespace drover::agent::docker
