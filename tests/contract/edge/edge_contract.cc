#include "tests/contract/edge/edge_contract.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "agent/runtime/edge/haproxy/haproxy.h"
#include "agent/runtime/edge/nginx/nginx.h"
#include "agent/runtime/edge/program.h"
#include "agent/runtime/edge/wanted_file.h"
#include "tests/support/missing.h"

namespace drover::agent {

using drover::testing::Fetch;
using drover::testing::FreePort;

Adapter HaproxyAdapter() {
  return {.name = "haproxy",
          .program = "haproxy",
          .make =
              [](const std::string& dir) {
                HaproxyOptions options;
                options.dir = dir;
                options.bind = "127.0.0.1";
                return MakeHaproxyEdge(options);
              },
          .config = "haproxy.cfg",
          .pid = "haproxy.pid"};
}

Adapter NginxAdapter() {
  return {.name = "nginx",
          .program = "nginx",
          .make =
              [](const std::string& dir) {
                NginxOptions options;
                options.dir = dir;
                options.bind = "127.0.0.1";
                return MakeNginxEdge(options);
              },
          .config = "nginx.conf",
          .pid = "nginx.pid",
          .counts = false,
          .keeps_alive = false};
}

void PrintTo(const Adapter& adapter, std::ostream* out) { *out << adapter.name; }

Instant ContractNow() {
  timespec t{};
  clock_gettime(CLOCK_BOOTTIME, &t);
  return Instant::FromNanoseconds(int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec);
}

std::string ContractDir() {
  char path[] = "/tmp/drover-edge-XXXXXX";
  return mkdtemp(path);
}

void EdgeFixture::SetUp() {
  if (!FindProgram(adapter_.program).ok()) {
    DROVER_MISSING(adapter_.program + " is not installed");
  }
  dir_ = ContractDir();
  Make();
  set_.handle = 7;
  set_.stack = "shop";
  set_.service = "web";
  set_.target = 8000;
  set_.epoch = Epoch(1);
  set_.http = true;
  set_.slots = 6;
  set_.listeners = {{.bind = "127.0.0.1", .port = FreePort(), .host = "", .path = "", .tls_path = ""}};
}

void EdgeFixture::TearDown() {
  edge_.reset();
  if (const std::optional<int> pid = Master()) {
    // A killed HAProxy master takes its workers along; one of nginx would leave them.
    kill(*pid, adapter_.program == "nginx" ? SIGTERM : SIGKILL);
    for (int i = 0; i < 200 && Master(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  if (!dir_.empty()) {
    std::error_code error;
    std::filesystem::remove_all(dir_, error);
  }
}

void EdgeFixture::Make() {
  absl::StatusOr<std::unique_ptr<Edge>> edge = adapter_.make(dir_);
  ASSERT_TRUE(edge.ok()) << edge.status();
  edge_ = *std::move(edge);
}

std::optional<int> EdgeFixture::Master() const {
  return dir_.empty() ? std::nullopt : LivePid(dir_ + "/" + adapter_.pid, dir_ + "/" + adapter_.config);
}

std::string EdgeFixture::ConfigText() const {
  return ReadWholeFile(dir_ + "/" + adapter_.config).value_or("no file");
}

EdgeBackend EdgeFixture::To(const HttpBackend& backend, bool drain) const {
  return {
      .replica = ReplicaId(backend.port()), .address = "127.0.0.1", .port = backend.port(), .drain = drain};
}

EdgeSetState EdgeFixture::Apply(std::vector<EdgeBackend> backends) {
  set_.backends = std::move(backends);
  set_.revision = Revision(set_.revision.value() + 1);
  edge_->SetDesired({set_});
  last_ = edge_->Reconcile(ContractNow());
  Settle();
  EXPECT_EQ(last_.error, "");
  return last_.sets.empty() ? EdgeSetState() : last_.sets.front();
}

void EdgeFixture::Settle() {
  for (int i = 0; i < 400 && last_.pending && last_.error.empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    last_ = edge_->Reconcile(ContractNow());
  }
}

std::optional<EdgeServerState> EdgeFixture::Await(ReplicaId replica,
                                                  const std::function<bool(const EdgeServerState&)>& good) {
  for (int i = 0; i < 400; ++i) {
    last_ = edge_->Reconcile(ContractNow());
    for (const EdgeSetState& set : last_.sets) {
      for (const EdgeServerState& server : set.servers) {
        if (server.replica == replica && good(server)) {
          return server;
        }
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return std::nullopt;
}

bool EdgeFixture::RoundsUntil(const std::function<bool()>& done, Duration limit) {
  for (const Instant end = ContractNow() + limit; ContractNow() < end;) {
    last_ = edge_->Reconcile(ContractNow());
    if (done()) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

bool EdgeFixture::Drained(ReplicaId replica) {
  return Await(replica, [](const EdgeServerState& server) { return server.in_flight == 0; }).has_value();
}

bool EdgeFixture::Busy(const HttpBackend& backend) {
  return Await(ReplicaId(backend.port()), [](const EdgeServerState& server) { return server.in_flight == 1; })
      .has_value();
}

std::optional<EdgeServerState> EdgeFixture::FirstKnown(const HttpBackend& backend) {
  return Await(ReplicaId(backend.port()), [](const EdgeServerState&) { return true; });
}

void EdgeFixture::ExpectBackAfterKilling(int pid) {
  const uint64_t instance = last_.instance;
  const auto start = std::chrono::steady_clock::now();
  kill(pid, SIGKILL);
  do {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    last_ = edge_->Reconcile(ContractNow());
  } while (!last_.reachable && std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
  Settle();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  ASSERT_TRUE(last_.reachable) << last_.error;
  EXPECT_NE(last_.instance, instance);
  EXPECT_EQ(last_.sets.front().applied_revision, set_.revision) << last_.sets.front().error;
  EXPECT_EQ(Fetch(port()), 200);
}

}  // namespace drover::agent
