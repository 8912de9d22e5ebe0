// Consumers that pull, with the real controller: Traefik's fetches, and a stock gRPC client that balances by
// xDS over servers which come and go.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "externalscaler/externalscaler.grpc.pb.h"
#include "tests/integration/controller/controller_process.h"
#include "tests/integration/controller/scripted_agent.h"

namespace drover::controller {
namespace {

using externalscaler::ExternalScaler;
using externalscaler::IsActiveResponse;
using externalscaler::ScaledObjectRef;
using testing::HasSubstr;
using testing::Not;

class PullTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/drover-pull-XXXXXX";
    directory_ = mkdtemp(name);
    std::ofstream(directory_ + "/controller.yaml") << "xds: {remember: 3s}\n";
  }

  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<ControllerProcess> Start(int xds_port = 0) const {
    return std::make_unique<ControllerProcess>(
        std::vector<std::string>{"--config", directory_ + "/controller.yaml", "--state-dir",
                                 directory_ + "/state", "--grpc-listen", "127.0.0.1:0", "--http-listen",
                                 "127.0.0.1:0", "--xds-listen", absl::StrCat("127.0.0.1:", xds_port)},
        directory_ + "/log");
  }

  // shop/web with one pulled port; another version replaces the replicas.
  static void Apply(const ControllerProcess& controller, int replicas, int version, const std::string& edge) {
    const std::string body = absl::StrFormat(
        R"({"spec": {"name": "shop", "services": [{"name": "web", "replicas": %d,
            "container": {"image": "web:1", "environment": ["V=%d"]}, "edges": [%s]}]}})",
        replicas, version, edge);
    EXPECT_THAT(HttpRequest(controller.WaitHttp(), "PUT", "/v1/stacks/shop", body), HasSubstr("200 OK"));
  }

  static std::string Fetch(const ControllerProcess& controller) {
    return HttpRequest(controller.WaitHttp(), "GET", "/v1/traefik?consumer=traefik1");
  }

  // Fetches until `text` is in the answer, for 10 s at most.
  static std::string FetchUntil(const ControllerProcess& controller, const std::string& text) {
    std::string answer;
    for (int i = 0; i < 500 && answer.find(text) == std::string::npos; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      answer = Fetch(controller);
    }
    return answer;
  }

  std::string directory_;
};

TEST_F(PullTest, R6_1_AReplicaIsStoppedAfterTraefiksFetchAndItsDelay) {
  const char* kEdge = R"({"pull": "traefik1", "delay": "1s", "host": "shop.example", "target": 80})";
  ScriptedAgent agent({});
  auto controller = Start();
  agent.Connect(controller->WaitReady());
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  Apply(*controller, 2, 1, kEdge);
  const std::string both = FetchUntil(*controller, "\"},{\"url\"");
  EXPECT_THAT(both, HasSubstr("Host(`shop.example`)"));
  Apply(*controller, 1, 1, kEdge);
  std::this_thread::sleep_for(std::chrono::seconds(2));
  EXPECT_EQ(agent.Running().size(), 2U) << "nobody has fetched since";
  EXPECT_THAT(Fetch(*controller), Not(HasSubstr("\"},{\"url\"")));
  const auto fetched = std::chrono::steady_clock::now();
  EXPECT_TRUE(agent.WaitRunning([](const auto& ids) { return ids.size() == 1; }));
  EXPECT_GE(std::chrono::steady_clock::now() - fetched, std::chrono::milliseconds(900));
  EXPECT_THAT(HttpRequest(controller->WaitHttp(), "GET", "/v1/services/shop/web/why"),
              HasSubstr("\"name\":\"traefik1\""));
  // Until the node has reported, a new controller knows of no replica; that is not told.
  agent.Disconnect();
  controller = nullptr;
  controller = Start();
  EXPECT_THAT(FetchUntil(*controller, "503"), HasSubstr("not every node"));
  agent.Connect(controller->WaitReady());
  EXPECT_THAT(FetchUntil(*controller, "200 OK"), HasSubstr("\"servers\":[{\"url\":\"http://127.0.0.1:2"));
}

// A replica: a gRPC server that takes 20 ms for an answer.
class Worker : public ExternalScaler::Service {
 public:
  explicit Worker(const std::string& address) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }

  // At once: what is in hand is lost.
  ~Worker() override {
    if (server_ != nullptr) {
      server_->Shutdown(std::chrono::system_clock::now());
    }
  }

  bool listens() const { return server_ != nullptr; }

  grpc::Status IsActive(grpc::ServerContext*, const ScaledObjectRef*, IsActiveResponse* answer) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    answer->set_result(true);
    return grpc::Status::OK;
  }

 private:
  std::unique_ptr<grpc::Server> server_;
};

// Callers that go on until they are told to stop; every failure counts.
class Load {
 public:
  explicit Load(const std::string& target)
      : stub_(ExternalScaler::NewStub(grpc::CreateChannel(target, grpc::InsecureChannelCredentials()))) {}

  ~Load() { Stop(); }

  // One call that waits for the first endpoints.
  grpc::Status First() { return Call(/*wait=*/true); }

  void Start() {
    for (int i = 0; i < 4; ++i) {
      threads_.emplace_back([this] {
        while (!stopping_) {
          const grpc::Status status = Call(/*wait=*/false);
          ++calls;
          if (!status.ok()) {
            ++failures;
            ADD_FAILURE() << status.error_message();
          }
        }
      });
    }
  }

  void Stop() {
    stopping_ = true;
    for (std::thread& thread : threads_) {
      thread.join();
    }
    threads_.clear();
  }

  std::atomic<int> calls = 0;
  std::atomic<int> failures = 0;

 private:
  grpc::Status Call(bool wait) {
    grpc::ClientContext context;
    context.set_wait_for_ready(wait);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    IsActiveResponse answer;
    return stub_->IsActive(&context, ScaledObjectRef(), &answer);
  }

  std::unique_ptr<ExternalScaler::Stub> stub_;
  std::atomic<bool> stopping_ = false;
  std::vector<std::thread> threads_;
};

// The workers of one node by replica id; its agent's thread alone changes them.
struct Workers {
  std::string address = "127.0.0.2";
  std::map<uint64_t, std::unique_ptr<Worker>> by_id = {};
  std::atomic<int> started = 0;

  ScriptedAgent::Options Options() {
    ScriptedAgent::Options options;
    options.address = address;
    options.port_first = 31000;
    options.port_last = 31999;
    options.start = [this](const v1::RunReplica& run) {
      by_id[run.replica_id()] =
          std::make_unique<Worker>(absl::StrCat(address, ":", run.published(0).host_port()));
      EXPECT_TRUE(by_id[run.replica_id()]->listens());
      ++started;
    };
    options.stop = [this](uint64_t id) { by_id.erase(id); };
    return options;
  }
};

TEST_F(PullTest, R6_1_NoCallOfAnXdsClientFailsWhileServersAreReplacedAndTheControllerRestarts) {
  const char* kEdge = R"({"pull": "xds", "delay": "0.3s", "target": 80})";
  auto controller = Start();
  const int xds_port = controller->WaitXds();
  const std::string bootstrap = directory_ + "/bootstrap.json";
  std::ofstream(bootstrap)
      << R"({"xds_servers": [{"server_uri": "127.0.0.1:)" << xds_port
      << R"(", "channel_creds": [{"type": "insecure"}], "server_features": ["xds_v3"]}],)"
      << R"("node": {"id": "client-1", "cluster": "c1"}})";
  ASSERT_EQ(setenv("GRPC_XDS_BOOTSTRAP", bootstrap.c_str(), 1), 0);

  Workers workers;
  ScriptedAgent agent(workers.Options());
  agent.Connect(controller->WaitReady());
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  Apply(*controller, 3, 1, kEdge);
  Load load("xds:///shop/web");
  const grpc::Status first = load.First();
  ASSERT_TRUE(first.ok()) << first.error_message() << controller->Output();
  load.Start();

  const auto replaced = [&agent](const std::set<uint64_t>& before) {
    return agent.WaitRunning(
        [&before](const std::set<uint64_t>& now) {
          return now.size() == 3 &&
                 std::none_of(now.begin(), now.end(), [&](uint64_t id) { return before.contains(id); });
        },
        90);
  };
  EXPECT_TRUE(agent.WaitRunning([](const auto& ids) { return ids.size() == 3; }));
  for (int version = 2; version <= 4; ++version) {
    const std::set<uint64_t> before = agent.Running();
    Apply(*controller, 3, version, kEdge);
    EXPECT_TRUE(replaced(before)) << version
                                  << HttpRequest(controller->WaitHttp(), "GET", "/v1/services/shop/web/why");
  }

  // Killed, away for a second, back on the same state.
  agent.Disconnect();
  controller = nullptr;
  std::this_thread::sleep_for(std::chrono::seconds(1));
  controller = Start(xds_port);
  agent.Connect(controller->WaitReady());
  std::this_thread::sleep_for(std::chrono::seconds(3));
  const std::set<uint64_t> before = agent.Running();
  EXPECT_EQ(before.size(), 3U);
  Apply(*controller, 3, 5, kEdge);
  EXPECT_TRUE(replaced(before)) << HttpRequest(controller->WaitHttp(), "GET", "/v1/services/shop/web/why");
  load.Stop();
  EXPECT_EQ(load.failures, 0) << "of " << load.calls;
  EXPECT_GT(load.calls, 100);
  RecordProperty("calls", load.calls);
  std::printf("%d calls over %d servers, %d failed\n", load.calls.load(), workers.started.load(),
              load.failures.load());
}

}  // namespace
}  // namespace drover::controller
