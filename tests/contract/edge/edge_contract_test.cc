// What every Edge adapter owes, judged on the real program. Adapters are the parameter; a program that
// is not installed skips its cases.
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/runtime/edge/haproxy/haproxy.h"
#include "agent/runtime/edge/haproxy/process.h"
#include "agent/runtime/edge/haproxy/runtime_api.h"
#include "agent/runtime/edge/program.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/edge/http_load.h"
#include "tests/support/missing.h"

namespace drover::agent {
namespace {

using drover::testing::Fetch;
using drover::testing::FreePort;
using drover::testing::HttpBackend;
using drover::testing::StrictLoad;
using ::testing::HasSubstr;

Instant Now() {
  timespec t{};
  clock_gettime(CLOCK_BOOTTIME, &t);
  return Instant::FromNanoseconds(int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec);
}

std::string TemporaryDir() {
  char path[] = "/tmp/drover-edge-XXXXXX";
  return mkdtemp(path);
}

// How one adapter is made and, from outside, disturbed.
struct Adapter {
  std::string name;
  std::string program;
  std::function<absl::StatusOr<std::unique_ptr<Edge>>(const std::string& dir)> make;
};

void PrintTo(const Adapter& adapter, std::ostream* out) { *out << adapter.name; }

class EdgeContract : public ::testing::TestWithParam<Adapter> {
 protected:
  void SetUp() override {
    if (!FindProgram(GetParam().program).ok()) {
      DROVER_MISSING(std::string(GetParam().program) + " is not installed");
    }
    dir_ = TemporaryDir();
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

  void TearDown() override {
    edge_.reset();
    if (const std::optional<int> pid = Master()) {
      kill(*pid, SIGKILL);
    }
    if (!dir_.empty()) {
      std::filesystem::remove_all(dir_);
    }
  }

  void Make() {
    absl::StatusOr<std::unique_ptr<Edge>> edge = GetParam().make(dir_);
    ASSERT_TRUE(edge.ok()) << edge.status();
    edge_ = *std::move(edge);
  }

  std::optional<int> Master() const {
    return dir_.empty() ? std::nullopt : HaproxyProcess("", HaproxyPaths(dir_)).MasterPid();
  }

  // A command by hand, past the adapter.
  std::string ByHand(const std::string& command) const {
    absl::StatusOr<RuntimeSession> session = RuntimeSession::Open(
        HaproxyPaths(dir_).stats_socket, "> ", std::chrono::steady_clock::now() + std::chrono::seconds(2));
    return session.ok() ? session->Command(command).value_or("no answer") : "no connection";
  }

  EdgeBackend To(const HttpBackend& backend, bool drain = false) const {
    return {
        .replica = ReplicaId(backend.port()), .address = "127.0.0.1", .port = backend.port(), .drain = drain};
  }

  // Wants these backends, reconciles once, returns the state of the set.
  EdgeSetState Apply(std::vector<EdgeBackend> backends) {
    set_.backends = std::move(backends);
    set_.revision = Revision(set_.revision.value() + 1);
    edge_->SetDesired({set_});
    last_ = edge_->Reconcile(Now());
    EXPECT_EQ(last_.error, "");
    return last_.sets.empty() ? EdgeSetState() : last_.sets.front();
  }

  // Reconciles until the replica's load is known and as wanted. Unknown (absent) for a moment is allowed,
  // a wrong number is not waited away by callers that look at the first known one.
  std::optional<EdgeServerState> Await(ReplicaId replica,
                                       const std::function<bool(const EdgeServerState&)>& good) {
    for (int i = 0; i < 400; ++i) {
      last_ = edge_->Reconcile(Now());
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

  bool Drained(ReplicaId replica) {
    return Await(replica, [](const EdgeServerState& server) { return server.in_flight == 0; }).has_value();
  }

  // One request hangs in `backend`.
  bool Busy(const HttpBackend& backend) {
    return Await(ReplicaId(backend.port()),
                 [](const EdgeServerState& server) { return server.in_flight == 1; })
        .has_value();
  }

  std::optional<EdgeServerState> FirstKnown(const HttpBackend& backend) {
    return Await(ReplicaId(backend.port()), [](const EdgeServerState&) { return true; });
  }

  void ExpectBackAfterKilling(int pid) {
    const uint64_t instance = last_.instance;
    const auto start = std::chrono::steady_clock::now();
    kill(pid, SIGKILL);
    do {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      last_ = edge_->Reconcile(Now());
    } while (!last_.reachable && std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
    ASSERT_TRUE(last_.reachable) << last_.error;
    EXPECT_NE(last_.instance, instance);
    EXPECT_EQ(last_.sets.front().applied_revision, set_.revision) << last_.sets.front().error;
    EXPECT_EQ(Fetch(port()), 200);
  }

  uint32_t port() const { return set_.listeners.front().port; }

  std::string dir_;
  std::unique_ptr<Edge> edge_;
  EdgeSet set_;
  EdgeState last_;
};

TEST_P(EdgeContract, AppliesAndRoutes) {
  HttpBackend a;
  HttpBackend b;
  const EdgeSetState state = Apply({To(a), To(b)});
  EXPECT_EQ(state.error, "");
  EXPECT_EQ(state.applied_revision, set_.revision);
  EXPECT_EQ(state.applied_epoch, Epoch(1));
  EXPECT_TRUE(last_.reachable);
  EXPECT_NE(last_.instance, 0u);
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(Fetch(port()), 200);
  }
  EXPECT_GT(a.served(), 0u);
  EXPECT_GT(b.served(), 0u);
  last_ = edge_->Reconcile(Now());
  EXPECT_EQ(last_.sets.front().requests_total, 6u);
  EXPECT_EQ(last_.sets.front().errors_total, 0u);
  EXPECT_TRUE(last_.sets.front().servers.front().up);
}

TEST_P(EdgeContract, R6_1_NothingIsTouchedBeforeAnybodySpoke) {
  last_ = edge_->Reconcile(Now());
  EXPECT_FALSE(last_.reachable);
  EXPECT_FALSE(Master());
}

TEST_P(EdgeContract, R6_1_DrainReadsInFlightDownToZero) {
  HttpBackend a;
  HttpBackend b;
  Apply({To(a)});
  a.Hold(true);
  std::thread client([&] { EXPECT_EQ(Fetch(port()), 200); });
  EXPECT_TRUE(Busy(a));
  const EdgeSetState state = Apply({To(b), To(a, true)});
  EXPECT_EQ(state.applied_revision, set_.revision);
  const std::optional<EdgeServerState> server = FirstKnown(a);
  EXPECT_TRUE(server && server->in_flight == 1 && !server->up);
  EXPECT_EQ(Fetch(port()), 200);  // new work goes to b
  EXPECT_EQ(b.served(), 1u);
  a.Hold(false);
  client.join();
  EXPECT_TRUE(Drained(ReplicaId(a.port())));
}

TEST_P(EdgeContract, R6_1_InFlightOfBeforeAReloadStillCounts) {
  HttpBackend a;
  HttpBackend b;
  Apply({To(a)});
  a.Hold(true);
  std::thread client([&] { EXPECT_EQ(Fetch(port()), 200); });
  EXPECT_TRUE(Busy(a));
  set_.slots = 9;  // R6.5: a reason to reload
  Apply({To(b), To(a, true)});
  EXPECT_EQ(last_.reloads, 1u);
  // Unknown for a moment, while the master takes itself over: then absent, never zero.
  const std::optional<EdgeServerState> server = FirstKnown(a);
  EXPECT_TRUE(server && server->in_flight == 1);
  a.Hold(false);
  client.join();
  EXPECT_TRUE(Drained(ReplicaId(a.port())));
}

// What scaling goes by: what is with the replica, what waits, what has come and what of it has ended.
TEST_P(EdgeContract, ReportsAKnownLoad) {
  HttpBackend a;
  set_.maxconn = 2;
  Apply({To(a)});
  a.Hold(true);
  std::vector<std::thread> clients;
  for (int i = 0; i < 5; ++i) {
    clients.emplace_back([&] { EXPECT_EQ(Fetch(port()), 200); });
  }
  for (int i = 0; i < 400 && last_.sets.front().requests_total != 5u; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    last_ = edge_->Reconcile(Now());
  }
  ASSERT_EQ(last_.sets.size(), 1u);
  EXPECT_EQ(last_.sets.front().servers.front().in_flight, 2);
  EXPECT_EQ(last_.sets.front().queued, 3);
  EXPECT_EQ(last_.sets.front().requests_total, 5u);
  EXPECT_EQ(last_.sets.front().finished_total, 0u);
  a.Hold(false);
  for (std::thread& client : clients) {
    client.join();
  }
  EXPECT_TRUE(Drained(ReplicaId(a.port())));
  EXPECT_EQ(last_.sets.front().queued, 0);
  EXPECT_EQ(last_.sets.front().requests_total, 5u);
  EXPECT_EQ(last_.sets.front().finished_total, 5u);
}

TEST_P(EdgeContract, CountsEachRequestOfAConnection) {
  HttpBackend a;
  HttpBackend b;
  Apply({To(a), To(b)});
  StrictLoad load(port(), 4);
  for (int i = 0; i < 1000 && load.done() < 500; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  load.Stop();
  EXPECT_TRUE(Drained(ReplicaId(a.port())));
  EXPECT_TRUE(Drained(ReplicaId(b.port())));
  EXPECT_EQ(load.failed(), 0u);
  EXPECT_EQ(last_.sets.front().finished_total, a.served() + b.served());
  EXPECT_EQ(last_.sets.front().requests_total, last_.sets.front().finished_total);
}

TEST_P(EdgeContract, R4_AReloadForgetsCountersAndNoRequestInFlight) {
  HttpBackend a;
  Apply({To(a)});
  EXPECT_EQ(Fetch(port()), 200);
  a.Hold(true);
  std::thread client([&] { EXPECT_EQ(Fetch(port()), 200); });
  // HAProxy has a request in hand a moment before it counts it.
  EXPECT_TRUE(Await(ReplicaId(a.port()), [this](const EdgeServerState& server) {
    return server.in_flight == 1 && last_.sets.front().requests_total == 2u;
  }));
  const uint64_t process = last_.instance;
  set_.slots = 9;  // R6.5: a reason to reload
  Apply({To(a)});  // nothing drains
  EXPECT_EQ(last_.reloads, 1u);
  EXPECT_NE(last_.instance, process);
  EXPECT_EQ(last_.sets.front().requests_total, 0u);
  // While the master takes itself over it cannot be asked: then it is at least so much, never so much.
  EXPECT_TRUE(last_.sets.front().at_least || last_.sets.front().servers.front().in_flight == 1);
  EXPECT_TRUE(Busy(a));
  EXPECT_FALSE(last_.sets.front().at_least);
  a.Hold(false);
  client.join();
  EXPECT_TRUE(Drained(ReplicaId(a.port())));
}

TEST_P(EdgeContract, RepairsWhatAHandChangedWithinOneRound) {
  HttpBackend a;
  HttpBackend b;
  Apply({To(a), To(b)});
  EXPECT_EQ(ByHand("set server shop.web.8000/drv1 state maint"), "");
  EXPECT_EQ(ByHand("set server shop.web.8000/drv2 weight 0"), "");
  EXPECT_THAT(ByHand("set server shop.web.8000/drv3 addr 127.0.0.1 port 9"), HasSubstr("port changed"));
  EXPECT_EQ(ByHand("set server shop.web.8000/drv3 state ready"), "");
  last_ = edge_->Reconcile(Now());
  EXPECT_EQ(last_.sets.front().error, "");
  EXPECT_EQ(last_.sets.front().applied_revision, set_.revision);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(Fetch(port()), 200);
  }
  EXPECT_EQ(a.served(), 2u);
  EXPECT_EQ(b.served(), 2u);
}

TEST_P(EdgeContract, R6_4_KilledBalancerIsBackWithTheRightBackends) {
  HttpBackend a;
  HttpBackend b;
  Apply({To(a)});
  Apply({To(b)});
  ASSERT_TRUE(Master());
  ExpectBackAfterKilling(*Master());
  const absl::StatusOr<ProcessInfo> worker = ParseInfo(ByHand("show info"));
  ASSERT_TRUE(worker.ok());
  ExpectBackAfterKilling(static_cast<int>(worker->pid));
  EXPECT_EQ(b.served(), 2u);
  EXPECT_EQ(a.served(), 0u);
}

TEST_P(EdgeContract, R6_4_ANewAgentChangesNothing) {
  HttpBackend a;
  Apply({To(a)});
  const uint64_t instance = last_.instance;
  const std::optional<int> master = Master();
  edge_.reset();
  EXPECT_EQ(Fetch(port()), 200);  // without an agent
  Make();
  last_ = edge_->Reconcile(Now());  // before a controller spoke: the wanted sets are those of before
  EXPECT_EQ(last_.instance, instance);
  EXPECT_EQ(last_.reloads, 0u);
  EXPECT_EQ(Master(), master);
  ASSERT_EQ(last_.sets.size(), 1u);
  EXPECT_EQ(last_.sets.front().applied_revision, set_.revision);
  EXPECT_EQ(Fetch(port()), 200);
  EXPECT_EQ(a.served(), 2u);
}

TEST_P(EdgeContract, R6_4_TheFileHasTheCurrentAddresses) {
  HttpBackend a;
  HttpBackend b;
  Apply({To(a)});
  Apply({To(b)});
  edge_->Reconcile(Now() + absl::Seconds(2));
  std::ifstream file(HaproxyPaths(dir_).config);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_THAT(text, HasSubstr(absl::StrCat(" 127.0.0.1:", b.port(), "\n")));
  EXPECT_THAT(text, ::testing::Not(HasSubstr(absl::StrCat(" 127.0.0.1:", a.port(), "\n"))));
}

TEST_P(EdgeContract, APortInUseIsSaidAndOtherSetsServe) {
  HttpBackend a;
  HttpBackend squatter;
  EdgeSet other = set_;
  other.handle = 8;
  other.service = "api";
  other.listeners[0].port = squatter.port();
  set_.backends = {To(a)};
  other.backends = {To(a)};
  set_.revision = other.revision = Revision(1);
  edge_->SetDesired({set_, other});
  last_ = edge_->Reconcile(Now());
  ASSERT_EQ(last_.sets.size(), 2u) << last_.error;
  EXPECT_EQ(last_.sets[0].applied_revision, Revision(1)) << last_.sets[0].error;
  EXPECT_THAT(last_.sets[1].error, HasSubstr(absl::StrCat("port ", squatter.port(), " is in use")));
  EXPECT_EQ(last_.sets[1].applied_revision, Revision());
  EXPECT_EQ(Fetch(port()), 200);
}

TEST_P(EdgeContract, ABadCertificateIsSaidAndOtherSetsServe) {
  HttpBackend a;
  const std::string certificate = dir_ + "/broken.pem";
  std::ofstream(certificate) << "not a certificate\n";
  EdgeSet other = set_;
  other.handle = 8;
  other.service = "api";
  other.listeners[0].port = FreePort();
  other.listeners[0].tls_path = certificate;
  set_.backends = other.backends = {To(a)};
  set_.revision = other.revision = Revision(1);
  edge_->SetDesired({set_, other});
  last_ = edge_->Reconcile(Now());
  ASSERT_EQ(last_.sets.size(), 2u) << last_.error;
  EXPECT_EQ(last_.sets[0].applied_revision, Revision(1)) << last_.sets[0].error;
  EXPECT_THAT(last_.sets[1].error, HasSubstr("broken.pem"));
  EXPECT_EQ(Fetch(port()), 200);
}

TEST_P(EdgeContract, RoutesByHostAndPath) {
  HttpBackend web;
  HttpBackend api;
  EdgeSet other = set_;
  other.handle = 8;
  other.service = "api";
  other.listeners[0].host = "Shop.example.com";
  other.listeners[0].path = "/api";
  set_.backends = {To(web)};
  other.backends = {To(api)};
  edge_->SetDesired({set_, other});
  last_ = edge_->Reconcile(Now());
  EXPECT_EQ(Fetch(port(), "/api/v1", "shop.example.com:8080"), 200);
  EXPECT_EQ(Fetch(port(), "/api", "SHOP.example.com"), 200);
  EXPECT_EQ(api.served(), 2u);
  EXPECT_EQ(Fetch(port(), "/apidocs", "shop.example.com"), 200);
  EXPECT_EQ(Fetch(port(), "/api", "other.example.com"), 200);
  EXPECT_EQ(web.served(), 2u);
}

TEST_P(EdgeContract, RoutesPlainTcp) {
  HttpBackend a;
  set_.http = false;
  const EdgeSetState state = Apply({To(a)});
  EXPECT_EQ(state.applied_revision, set_.revision) << state.error;
  EXPECT_EQ(Fetch(port()), 200);
}

TEST_P(EdgeContract, HoldsRequestsAtZero) {
  HttpBackend a;
  set_.hold = absl::Seconds(10);
  Apply({});
  std::thread client([&] { EXPECT_EQ(Fetch(port()), 200); });
  for (int i = 0; i < 200 && last_.sets.front().queued.value_or(0) == 0; ++i) {
    last_ = edge_->Reconcile(Now());
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(last_.sets.front().queued, 1);
  Apply({To(a)});
  client.join();
}

TEST_P(EdgeContract, R6_5_ReplacingReplicasLosesNothingAndReloadsNothing) {
  std::vector<std::unique_ptr<HttpBackend>> live;
  for (int i = 0; i < 3; ++i) {
    live.push_back(std::make_unique<HttpBackend>());
  }
  Apply({To(*live[0]), To(*live[1]), To(*live[2])});
  StrictLoad load(port(), 16);
  for (int i = 0; i < 30; ++i) {
    auto fresh = std::make_unique<HttpBackend>();
    EXPECT_EQ(Apply({To(*live[1]), To(*live[2]), To(*fresh), To(*live[0], true)}).applied_revision,
              set_.revision);
    ASSERT_TRUE(Drained(ReplicaId(live[0]->port())));
    ASSERT_TRUE(Drained(ReplicaId(live[0]->port())));
    live.erase(live.begin());
    live.push_back(std::move(fresh));
    Apply({To(*live[0]), To(*live[1]), To(*live[2])});
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
  for (int i = 0; i < 1000 && load.done() < 3000; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  load.Stop();
  EXPECT_EQ(load.failed(), 0u);
  EXPECT_GE(load.done(), 3000u);
  EXPECT_EQ(last_.reloads, 0u);
}

// A program in HAProxy's place that refuses files as long as `refuse` exists, as HAProxy does with
// something that Drover does not know to be wrong.
TEST(ManagedHaproxyTest, R6_4_ARefusedFileNeverTouchesWhatRuns) {
  const absl::StatusOr<std::string> program = FindProgram("haproxy");
  if (!program.ok()) {
    DROVER_MISSING("haproxy is not installed");
  }
  HaproxyOptions options;
  options.dir = TemporaryDir();
  options.bind = "127.0.0.1";
  options.program = options.dir + "/picky";
  const std::string refuse = options.dir + "/refuse";
  std::ofstream(options.program)
      << "#!/bin/sh\nif [ \"$1\" = -c ] && [ -e " << refuse
      << " ]; then echo '[ALERT] (1) : config : refused by the test'; exit 1; fi\nexec " << *program
      << " \"$@\"\n";
  std::filesystem::permissions(options.program, std::filesystem::perms::owner_all);
  absl::StatusOr<std::unique_ptr<Edge>> edge = MakeHaproxyEdge(options);
  ASSERT_TRUE(edge.ok()) << edge.status();

  HttpBackend a;
  HttpBackend b;
  EdgeSet set;
  set.handle = 1;
  set.service = "web";
  set.http = true;
  set.slots = 2;
  set.epoch = Epoch(1);
  set.revision = Revision(1);
  set.listeners = {{.bind = "", .port = FreePort(), .host = "", .path = "", .tls_path = ""}};
  set.backends = {{.replica = ReplicaId(1), .address = "127.0.0.1", .port = a.port(), .drain = false}};
  (*edge)->SetDesired({set});
  EXPECT_EQ((*edge)->Reconcile(Now()).sets.front().applied_revision, Revision(1));

  std::ofstream(refuse) << "";
  set.slots = 3;  // needs a reload
  set.revision = Revision(2);
  set.backends[0].port = b.port();
  (*edge)->SetDesired({set});
  EdgeState state = (*edge)->Reconcile(Now());
  EXPECT_THAT(state.error, HasSubstr("refused by the test"));
  EXPECT_EQ(state.reloads, 0u);
  EXPECT_EQ(state.sets.front().applied_revision, Revision(2));  // the replica itself needs no reload
  EXPECT_EQ(Fetch(set.listeners[0].port), 200);
  EXPECT_EQ(b.served(), 1u);
  (*edge)->Reconcile(Now() + absl::Seconds(2));
  std::ifstream file(HaproxyPaths(options.dir).config);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  // Two slots still, since HAProxy never accepted three, but the address of now.
  EXPECT_THAT(text,
              ::testing::EndsWith(absl::StrCat(
                  "server-template drv 1-1 127.0.0.1:1 disabled\n  server drv2 127.0.0.1:", b.port(), "\n")));

  const std::optional<int> master = HaproxyProcess("", HaproxyPaths(options.dir)).MasterPid();
  ASSERT_TRUE(master);
  kill(*master, SIGKILL);
  for (int i = 0; i < 40 && (i == 0 || !state.reachable); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    state = (*edge)->Reconcile(Now() + absl::Seconds(3));
  }
  EXPECT_TRUE(state.reachable);  // started with the last file that was accepted
  EXPECT_EQ(Fetch(set.listeners[0].port), 200);

  std::filesystem::remove(refuse);
  state = (*edge)->Reconcile(Now() + absl::Seconds(10));
  EXPECT_EQ(state.error, "");
  EXPECT_EQ(state.reloads, 1u);
  EXPECT_EQ(Fetch(set.listeners[0].port), 200);
  if (const std::optional<int> pid = HaproxyProcess("", HaproxyPaths(options.dir)).MasterPid()) {
    kill(*pid, SIGKILL);
  }
  std::filesystem::remove_all(options.dir);
}

Adapter Haproxy() {
  return {.name = "haproxy", .program = "haproxy", .make = [](const std::string& dir) {
            HaproxyOptions options;
            options.dir = dir;
            options.bind = "127.0.0.1";
            return MakeHaproxyEdge(options);
          }};
}

INSTANTIATE_TEST_SUITE_P(All, EdgeContract, ::testing::Values(Haproxy()),
                         [](const ::testing::TestParamInfo<Adapter>& adapter) { return adapter.param.name; });

}  // namespace
}  // namespace drover::agent
