// What HAProxy's adapter owes beyond the contract: its own counters, slots and holding; and what it does
// when HAProxy refuses a file.
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "agent/runtime/edge/haproxy/haproxy.h"
#include "agent/runtime/edge/haproxy/process.h"
#include "agent/runtime/edge/haproxy/runtime_api.h"
#include "agent/runtime/edge/program.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/edge/edge_contract.h"
#include "tests/contract/edge/http_load.h"
#include "tests/support/missing.h"

namespace drover::agent {
namespace {

using drover::testing::Fetch;
using drover::testing::FreePort;
using drover::testing::HttpBackend;
using drover::testing::StrictLoad;
using ::testing::HasSubstr;

class HaproxyContract : public EdgeFixture {
 protected:
  HaproxyContract() : EdgeFixture(HaproxyAdapter()) {}

  // A command by hand, past the adapter.
  std::string ByHand(const std::string& command) const {
    absl::StatusOr<RuntimeSession> session = RuntimeSession::Open(
        HaproxyPaths(dir_).stats_socket, "> ", std::chrono::steady_clock::now() + std::chrono::seconds(2));
    return session.ok() ? session->Command(command).value_or("no answer") : "no connection";
  }
};

// What scaling goes by: what is with the replica, what waits, what has come and what of it has ended.
TEST_F(HaproxyContract, ReportsAKnownLoad) {
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
    last_ = edge_->Reconcile(ContractNow());
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

TEST_F(HaproxyContract, CountsRequestsAndErrorsOfEachReplicaAlsoInTheSlotOfAnother) {
  HttpBackend a;
  a.Refuse("/");
  set_.slots = 2;
  Apply({To(a)});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Fetch(port()), 503);
  }
  HttpBackend b;
  Apply({To(b), To(a, true)});
  EXPECT_TRUE(Drained(ReplicaId(a.port())));
  Apply({To(b)});
  HttpBackend c;
  Apply({To(c), To(b, true)});  // in the slot of the first
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Fetch(port()), 200);
  }
  last_ = edge_->Reconcile(ContractNow());
  const auto of = [&](const HttpBackend& backend) {
    for (const EdgeServerState& server : last_.sets.front().servers) {
      if (server.replica == ReplicaId(backend.port())) {
        return std::pair(server.requests_total.value_or(99), server.errors_total.value_or(99));
      }
    }
    return std::pair(uint64_t{98}, uint64_t{98});
  };
  EXPECT_EQ(of(c), std::pair(uint64_t{5}, uint64_t{0}));
  EXPECT_EQ(of(b), std::pair(uint64_t{0}, uint64_t{0}));
}

TEST_F(HaproxyContract, CountsEachRequestOfAConnection) {
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

TEST_F(HaproxyContract, R4_AReloadForgetsCountersAndNoRequestInFlight) {
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

TEST_F(HaproxyContract, RepairsWhatAHandChangedWithinOneRound) {
  HttpBackend a;
  HttpBackend b;
  Apply({To(a), To(b)});
  EXPECT_EQ(ByHand("set server shop.web.8000/drv1 state maint"), "");
  EXPECT_EQ(ByHand("set server shop.web.8000/drv2 weight 0"), "");
  EXPECT_THAT(ByHand("set server shop.web.8000/drv3 addr 127.0.0.1 port 9"), HasSubstr("port changed"));
  EXPECT_EQ(ByHand("set server shop.web.8000/drv3 state ready"), "");
  last_ = edge_->Reconcile(ContractNow());
  EXPECT_EQ(last_.sets.front().error, "");
  EXPECT_EQ(last_.sets.front().applied_revision, set_.revision);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(Fetch(port()), 200);
  }
  EXPECT_EQ(a.served(), 2u);
  EXPECT_EQ(b.served(), 2u);
}

TEST_F(HaproxyContract, R6_5_ReplacingReplicasLosesNothingAndReloadsNothing) {
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

TEST_F(HaproxyContract, R6_4_AKilledWorkerIsBackWithTheRightBackends) {
  HttpBackend a;
  Apply({To(a)});
  const absl::StatusOr<ProcessInfo> worker = ParseInfo(ByHand("show info"));
  ASSERT_TRUE(worker.ok());
  ExpectBackAfterKilling(static_cast<int>(worker->pid));
  EXPECT_EQ(a.served(), 1u);
}

// A program in HAProxy's place that refuses files as long as `refuse` exists, as HAProxy does with
// something that Drover does not know to be wrong.
TEST(ManagedHaproxyTest, R6_4_ARefusedFileNeverTouchesWhatRuns) {
  const absl::StatusOr<std::string> program = FindProgram("haproxy");
  if (!program.ok()) {
    DROVER_MISSING("haproxy is not installed");
  }
  HaproxyOptions options;
  options.dir = ContractDir();
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
  EXPECT_EQ((*edge)->Reconcile(ContractNow()).sets.front().applied_revision, Revision(1));

  std::ofstream(refuse) << "";
  set.slots = 3;  // needs a reload
  set.revision = Revision(2);
  set.backends[0].port = b.port();
  (*edge)->SetDesired({set});
  EdgeState state = (*edge)->Reconcile(ContractNow());
  EXPECT_THAT(state.error, HasSubstr("refused by the test"));
  EXPECT_EQ(state.reloads, 0u);
  EXPECT_EQ(state.sets.front().applied_revision, Revision(2));  // the replica itself needs no reload
  EXPECT_EQ(Fetch(set.listeners[0].port), 200);
  EXPECT_EQ(b.served(), 1u);
  (*edge)->Reconcile(ContractNow() + absl::Seconds(2));
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
    state = (*edge)->Reconcile(ContractNow() + absl::Seconds(3));
  }
  EXPECT_TRUE(state.reachable);  // started with the last file that was accepted
  EXPECT_EQ(Fetch(set.listeners[0].port), 200);

  std::filesystem::remove(refuse);
  state = (*edge)->Reconcile(ContractNow() + absl::Seconds(10));
  EXPECT_EQ(state.error, "");
  EXPECT_EQ(state.reloads, 1u);
  EXPECT_EQ(Fetch(set.listeners[0].port), 200);
  if (const std::optional<int> pid = HaproxyProcess("", HaproxyPaths(options.dir)).MasterPid()) {
    kill(*pid, SIGKILL);
  }
  std::filesystem::remove_all(options.dir);
}

}  // namespace
}  // namespace drover::agent
