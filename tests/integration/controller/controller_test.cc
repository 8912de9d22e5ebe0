// drover-controller as it is shipped: start, stop, crash, full disk, and who may connect.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "absl/strings/str_format.h"
#include "controller/runtime/convert.h"
#include "controller/runtime/sqlite_store.h"
#include "tests/integration/controller/certificates.h"
#include "tests/integration/controller/controller_process.h"
#include "tests/integration/controller/stream_client.h"
#include "tests/unit/controller/runtime/spec_builder.h"

namespace drover::controller {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kNode = "00000000000000aa";

class ControllerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/drover-controller-XXXXXX";
    directory_ = mkdtemp(name);
  }

  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) const { return directory_ + "/" + name; }

  void Write(const std::string& name, const std::string& text) const { std::ofstream(Path(name)) << text; }

  std::vector<std::string> Arguments(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"--state-dir",   Path("state"), "--grpc-listen", "127.0.0.1:0",
                                          "--http-listen", "127.0.0.1:0", "--xds-listen",  "127.0.0.1:0"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  ControllerProcess Start(const std::vector<std::string>& more = {}) const {
    return ControllerProcess(Arguments(more), Path("log"));
  }

  // The output of a start that must fail with exit code 1.
  std::string Refused(const std::vector<std::string>& arguments) const {
    ControllerProcess process(arguments, Path("log"));
    EXPECT_EQ(process.Wait(), 1);
    return process.Output();
  }

  // GET /v1/stacks/shop, once the stack is in the published view (at most 50 ms behind).
  static std::string GetStack(const ControllerProcess& controller) {
    std::string answer;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (answer.find("200 OK") == std::string::npos && std::chrono::steady_clock::now() < end) {
      answer = HttpRequest(controller.WaitHttp(), "GET", "/v1/stacks/shop");
    }
    return answer;
  }

  std::string directory_;
};

TEST_F(ControllerTest, HelloIsWelcomedWithClusterAndEpoch) {
  const ControllerProcess controller = Start();
  StreamClient agent(controller.WaitReady());
  agent.Send(HelloOf(kNode));
  const auto first = agent.Next();
  ASSERT_TRUE(first.has_value() && first->has_welcome()) << controller.Output();
  EXPECT_EQ(first->welcome().cluster_id().size(), 16U);
  EXPECT_EQ(first->welcome().epoch(), 1U);
  EXPECT_EQ(first->welcome().protocol(), 1U);
  EXPECT_EQ(first->welcome().report_interval_ms(), 1000U);
}

TEST_F(ControllerTest, R1_1_AnotherClustersAgentIsRefusedByName) {
  const ControllerProcess controller = Start();
  StreamClient agent(controller.WaitReady());
  agent.Send(HelloOf(kNode, "feedfeedfeedfeed"));
  const auto first = agent.Next();
  ASSERT_TRUE(first.has_value() && first->has_refuse());
  EXPECT_EQ(first->refuse().code(), v1::Refuse::CLUSTER_MISMATCH);
  EXPECT_THAT(first->refuse().message(), HasSubstr("feedfeedfeedfeed"));
}

TEST_F(ControllerTest, WrongFirstMessagesAreRefused) {
  const ControllerProcess controller = Start();
  const int port = controller.WaitReady();
  v1::AgentMessage report;
  report.mutable_report();
  v1::AgentMessage future = HelloOf(kNode);
  future.mutable_hello()->set_protocol_min(7);
  future.mutable_hello()->set_protocol_max(9);
  const v1::AgentMessage nameless = HelloOf("host1");
  for (const auto& [message, code] : {std::pair{report, v1::Refuse::PROTOCOL},
                                      {future, v1::Refuse::PROTOCOL},
                                      {nameless, v1::Refuse::IDENTITY}}) {
    StreamClient agent(port);
    agent.Send(message);
    const auto first = agent.Next();
    ASSERT_TRUE(first.has_value() && first->has_refuse());
    EXPECT_EQ(first->refuse().code(), code) << first->refuse().message();
    EXPECT_FALSE(agent.Next().has_value());
  }
}

TEST_F(ControllerTest, SilentStreamIsClosed) {
  const ControllerProcess controller = Start();
  StreamClient agent(controller.WaitReady());
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(agent.Next(30).has_value());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST_F(ControllerTest, R1_2_RestartKeepsTheClusterAndRaisesTheEpoch) {
  std::string cluster;
  for (uint64_t epoch = 1; epoch <= 2; ++epoch) {
    ControllerProcess controller = Start();
    StreamClient agent(controller.WaitReady());
    agent.Send(HelloOf(kNode, cluster));
    const auto first = agent.Next();
    ASSERT_TRUE(first.has_value() && first->has_welcome()) << controller.Output();
    EXPECT_EQ(first->welcome().epoch(), epoch);
    cluster = first->welcome().cluster_id();
    controller.Signal(SIGTERM);
    EXPECT_EQ(controller.Wait(), 0);
  }
}

TEST_F(ControllerTest, TerminationIsPromptWithOpenStreams) {
  ControllerProcess controller = Start();
  const int port = controller.WaitReady();
  std::vector<std::unique_ptr<StreamClient>> agents;
  for (int i = 1; i <= 20; ++i) {
    agents.push_back(std::make_unique<StreamClient>(port));
    agents.back()->Send(HelloOf(absl::StrFormat("%016x", i)));
    ASSERT_TRUE(agents.back()->Next().has_value());
  }
  const auto start = std::chrono::steady_clock::now();
  controller.Signal(SIGTERM);
  EXPECT_EQ(controller.Wait(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

// Who was welcomed was durable before: SIGKILL at any moment loses no such node.
TEST_F(ControllerTest, R1_8_KillInTheMiddleOfCommitsLosesNothingThatWasAnswered) {
  std::set<std::string> welcomed;
  std::mutex mutex;
  for (int round = 0; round < 4; ++round) {
    ControllerProcess controller = Start();
    const int port = controller.WaitReady();
    ASSERT_NE(port, 0) << controller.Output();
    std::vector<std::thread> agents;
    for (int i = 0; i < 4; ++i) {
      agents.emplace_back([&, i] {
        for (int k = 0; k < 1000; ++k) {
          const std::string node = absl::StrFormat("%016x", 1 + round * 100000 + i * 10000 + k);
          StreamClient agent(port);
          agent.Send(HelloOf(node));
          if (!agent.Next(5).has_value()) {
            return;
          }
          const std::lock_guard lock(mutex);
          welcomed.insert(node);
        }
      });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200 + 70 * round));
    controller.Signal(SIGKILL);
    EXPECT_EQ(controller.Wait(), 128 + SIGKILL);
    for (std::thread& agent : agents) {
      agent.join();
    }
  }
  EXPECT_GT(welcomed.size(), 4U);
  SqliteStore store(Path("state"));
  const auto opened = store.Open();
  ASSERT_TRUE(opened.ok()) << opened.status();
  std::set<std::string> stored;
  for (const NodeRecord& node : opened->state.nodes) {
    stored.insert(node.id.value());
  }
  for (const std::string& node : welcomed) {
    EXPECT_EQ(stored.count(node), 1U) << node;
  }
}

// 10,000 replicas on 500 nodes, as they stand in the store.
void StoreTenThousandReplicas(const std::string& directory) {
  SqliteStore store(directory);
  ASSERT_TRUE(store.Open().ok());
  StackRecord stack;
  stack.name = "shop";
  stack.revision = 1;
  stack.spec = *ToCore(Stack("replicas: 10000"));
  ServiceRecord service;
  service.key = {"shop", "web"};
  service.desired = 10000;
  service.next_number = 10001;
  std::vector<StoreChange> changes = {stack, service};
  for (uint64_t i = 0; i < 500; ++i) {
    NodeRecord node;
    node.id = NodeId(absl::StrFormat("%016x", i + 1));
    node.next_handle = 21;
    changes.emplace_back(node);
    for (uint32_t handle = 1; handle <= 20; ++handle) {
      ReplicaRecord replica;
      replica.number = static_cast<uint32_t>(i * 20 + handle);
      replica.id = ReplicaId(replica.number * 0x9e3779b97f4a7c15);
      replica.service = service.key;
      replica.node = node.id;
      replica.handle = handle;
      replica.state = ReplicaState::kAssigned;
      replica.spec_hash = stack.spec.services[0].spec_hash;
      changes.emplace_back(replica);
    }
  }
  ASSERT_TRUE(store.Commit(changes).ok());
}

TEST_F(ControllerTest, ReadyInUnderASecondWithTenThousandReplicas) {
  StoreTenThousandReplicas(Path("state"));
  const auto begin = std::chrono::steady_clock::now();
  const ControllerProcess controller = Start();
  EXPECT_NE(controller.WaitReady(), 0) << "for agents";
  std::string answer;
  while (answer.find("200 OK") == std::string::npos &&
         std::chrono::steady_clock::now() - begin < std::chrono::seconds(10)) {
    answer = HttpRequest(controller.WaitHttp(), "GET", "/readyz");
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(took.count(), 1) << "seconds to ready";
  RecordProperty("ready_s", std::to_string(took.count()));
  EXPECT_THAT(HttpRequest(controller.WaitHttp(), "GET", "/v1/replicas"), HasSubstr("shop-web-10000"));
}

TEST_F(ControllerTest, R1_8_FullDiskStopsDecidingAndRecoversWithoutRestart) {
  std::filesystem::create_directories(Path("state"));
  if (mount("tmpfs", Path("state").c_str(), "tmpfs", 0, "size=1m") != 0) {
    GTEST_SKIP() << "needs the right to mount a tmpfs";
  }
  {
    const ControllerProcess controller = Start();
    const int port = controller.WaitReady();
    std::ofstream filler(Path("state/filler"), std::ios::binary);
    filler << std::string(2 << 20, 'x');
    filler.flush();
    StreamClient agent(port);
    agent.Send(HelloOf(kNode));
    const auto problem = controller.WaitLog("the state can't be written");
    ASSERT_TRUE(problem.has_value()) << controller.Output();
    EXPECT_THAT(*problem, HasSubstr("full"));
    EXPECT_FALSE(agent.Next(0.5).has_value());
    EXPECT_THAT(HttpRequest(controller.WaitHttp(), "GET", "/readyz"),
                AllOf(HasSubstr("503"), HasSubstr("full")));
    EXPECT_THAT(HttpRequest(controller.WaitHttp(), "DELETE", "/v1/stacks/shop"),
                AllOf(HasSubstr("503"), HasSubstr("the state can't be written")));
    filler.close();
    std::filesystem::remove(Path("state/filler"));
    const auto first = agent.Next();
    EXPECT_TRUE(first.has_value() && first->has_welcome()) << controller.Output();
    EXPECT_TRUE(controller.WaitLog("the state can be written again").has_value());
  }
  EXPECT_EQ(umount(Path("state").c_str()), 0);
}

TEST_F(ControllerTest, StartThatCantSucceedSaysWhyInOneLine) {
  const ControllerProcess controller = Start();
  const int port = controller.WaitReady();
  EXPECT_THAT(Refused(Arguments()), HasSubstr("another drover-controller uses this state_dir"));
  const std::string in_use =
      Refused({"--state-dir", Path("other"), "--grpc-listen", absl::StrFormat("127.0.0.1:%d", port),
               "--http-listen", "127.0.0.1:0", "--xds-listen", "127.0.0.1:0"});
  EXPECT_THAT(in_use, HasSubstr(absl::StrFormat("127.0.0.1:%d: Address already in use", port)));
  Write("file", "");
  EXPECT_THAT(Refused({"--state-dir", Path("file/state")}), HasSubstr("can't be made"));
}

TEST_F(ControllerTest, ConfigurationFaultsAreAllTold) {
  Write("bad.yaml", "grpc: {listen: nowhere}\nlogs: {}\n");
  const std::string output = Refused({"--config", Path("bad.yaml")});
  EXPECT_THAT(output, HasSubstr("bad.yaml:1:16: grpc.listen: \"nowhere\" is no ADDRESS:PORT"));
  EXPECT_THAT(output, HasSubstr("bad.yaml:2:1: logs: unknown key; did you mean \"log\"?"));
  ControllerProcess check({"--config", "deploy/config/controller.yaml", "--check"}, Path("log"));
  EXPECT_EQ(check.Wait(), 0);
}

// From the API to the agent and back after a crash, a secret in it.
// From the HTTP API to `why`: only declared names, known from the push on, unknown again after a restart.
TEST_F(ControllerTest, R4_1_APushedMetricReachesTheDecision) {
  const std::string body = R"({"spec": {"name": "shop",
      "queues": [{"name": "mails", "kind": "PUSHED", "pushed": "emails"}],
      "services": [{"name": "web", "replicas": 1, "container": {"image": "web:1"},
                    "autoscale": {"max": 9, "signals": [{"queue": {"queue": "mails", "perReplica": 5}}]}}]}})";
  const auto why = [](const ControllerProcess& controller, const std::string& text) {
    std::string answer;
    for (int i = 0; i < 100 && answer.find(text) == std::string::npos; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      answer = HttpRequest(controller.WaitHttp(), "GET", "/v1/services/shop/web/why");
    }
    return answer;
  };
  {
    const ControllerProcess controller = Start();
    const auto push = [&](const std::string& name, const std::string& content) {
      return HttpRequest(controller.WaitHttp(), "POST", "/v1/metrics/shop/" + name, content);
    };
    StreamClient agent(controller.WaitReady());
    agent.Send(HelloOf(kNode));
    EXPECT_THAT(push("emails", R"({"value": 12})"), HasSubstr("404"));
    std::thread apply([&] { HttpRequest(controller.WaitHttp(), "PUT", "/v1/stacks/shop", body); });
    while (const auto message = agent.Next()) {
      if (message->has_image_request()) {
        v1::AgentMessage image;
        image.mutable_image_result()->set_request(message->image_request().request());
        image.mutable_image_result()->set_image("web:1");
        image.mutable_image_result()->set_present(true);
        image.mutable_image_result()->set_image_id("sha256:" + std::string(64, 'a'));
        agent.Send(image);
        break;
      }
    }
    apply.join();
    EXPECT_THAT(why(controller, "never pushed"), HasSubstr("never pushed since the controller started"));
    EXPECT_THAT(push("email", R"({"value": 12})"), AllOf(HasSubstr("404"), HasSubstr("it has emails")));
    EXPECT_THAT(push("emails", R"({"unit": "mails"})"), HasSubstr("400"));
    EXPECT_THAT(push("emails", R"({"value": 12, "unit": "mails"})"),
                AllOf(HasSubstr("200 OK"), HasSubstr("shop/emails is 12 mails")));
    EXPECT_THAT(why(controller, "\"desired\":3"), HasSubstr("\"desired\":3"));
  }
  const ControllerProcess controller = Start();
  controller.WaitReady();
  EXPECT_THAT(why(controller, "never pushed"), HasSubstr("\"desired\":3"));  // unknown scales nothing down
}

TEST_F(ControllerTest, R9_2_StackWithSecretReachesTheAgentAndSurvivesACrash) {
  const std::string body = R"({"spec": {"name": "shop",
      "services": [{"name": "web", "replicas": 1,
                    "container": {"image": "web:1",
                                  "files": [{"file": "secret/db", "target": "/run/secrets/db"}]}}],
      "files": [{"name": "secret/db", "secret": true, "content": "aHVudGVyMg==",
                 "sha256": "f52fbd32b2b3b86ff88ef6c490628285f482af15ddcb29541f94bcf526a3f6c7"}]}})";
  std::string cluster;
  {
    const ControllerProcess controller = Start();
    StreamClient agent(controller.WaitReady());
    agent.Send(HelloOf(kNode));
    cluster = agent.Next()->welcome().cluster_id();
    std::string answer;
    std::thread apply([&] { answer = HttpRequest(controller.WaitHttp(), "PUT", "/v1/stacks/shop", body); });
    v1::FileContents files;
    while (const auto message = agent.Next()) {
      if (message->has_image_request()) {
        v1::AgentMessage image;
        image.mutable_image_result()->set_request(message->image_request().request());
        image.mutable_image_result()->set_image("web:1");
        image.mutable_image_result()->set_present(true);
        image.mutable_image_result()->set_image_id("sha256:" + std::string(64, 'a'));
        agent.Send(image);
      } else if (message->has_files()) {
        files = message->files();
      } else if (message->has_assignment() && message->assignment().run_size() > 0) {
        EXPECT_EQ(message->assignment().services(0).files(0).content(), "");
        break;
      }
    }
    apply.join();
    EXPECT_THAT(answer, HasSubstr("200 OK"));
    ASSERT_EQ(files.files_size(), 1);
    EXPECT_EQ(files.files(0).content(), "hunter2");
    EXPECT_THAT(GetStack(controller), AllOf(HasSubstr("secret/db"), Not(HasSubstr("aHVudGVyMg"))));
  }
  const ControllerProcess controller = Start();
  EXPECT_THAT(GetStack(controller), HasSubstr("\"revision\":\"1\""));
  StreamClient agent(controller.WaitReady());
  agent.Send(HelloOf(kNode, cluster));
  bool assigned = false;
  while (const auto message = agent.Next(5)) {
    if (message->has_assignment()) {
      assigned = message->assignment().run_size() == 1;
      break;
    }
  }
  EXPECT_TRUE(assigned);
}

class TlsControllerTest : public ControllerTest {
 protected:
  void SetUp() override {
    ControllerTest::SetUp();
    const CertificatePair server = authority_.Issue("controller", "DNS:localhost");
    Write("ca.pem", authority_.certificate());
    Write("server.pem", server.certificate);
    Write("server.key", server.key);
    Write("tls.yaml", "tls: {cert: " + Path("server.pem") + ", key: " + Path("server.key") +
                          ", ca: " + Path("ca.pem") + "}\n");
  }

  StreamClient::Tls With(const CertificatePair& pair) const {
    return {.ca = authority_.certificate(), .certificate = pair.certificate, .key = pair.key};
  }

  TestAuthority authority_;
};

TEST_F(TlsControllerTest, NodeIdMustBeInTheCertificate) {
  const ControllerProcess controller = Start({"--config", Path("tls.yaml")});
  const int port = controller.WaitReady();
  for (const CertificatePair& pair :
       {authority_.Issue(kNode), authority_.Issue("host1", std::string("URI:drover-node:") + kNode),
        authority_.Issue("host1", std::string("DNS:") + kNode)}) {
    StreamClient agent(port, With(pair));
    agent.Send(HelloOf(kNode));
    const auto first = agent.Next();
    ASSERT_TRUE(first.has_value()) << controller.Output();
    EXPECT_TRUE(first->has_welcome()) << first->ShortDebugString();
  }
  StreamClient other(port, With(authority_.Issue("00000000000000bb")));
  other.Send(HelloOf(kNode));
  const auto first = other.Next();
  ASSERT_TRUE(first.has_value() && first->has_refuse());
  EXPECT_EQ(first->refuse().code(), v1::Refuse::IDENTITY);
}

TEST_F(TlsControllerTest, WithoutAClientCertificateThereIsNoStream) {
  const ControllerProcess controller = Start({"--config", Path("tls.yaml")});
  const int port = controller.WaitReady();
  StreamClient nobody(port, With({}));
  nobody.Send(HelloOf(kNode));
  EXPECT_FALSE(nobody.Next().has_value());
  const TestAuthority foreign;
  StreamClient stranger(port, With(foreign.Issue(kNode)));
  stranger.Send(HelloOf(kNode));
  EXPECT_FALSE(stranger.Next().has_value());
}

}  // namespace
}  // namespace drover::controller
