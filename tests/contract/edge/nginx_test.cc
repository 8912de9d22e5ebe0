// The nginx adapter on a process and a configuration of somebody else (R6.6), and what it owes beyond the
// contract.
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "agent/runtime/edge/nginx/nginx.h"
#include "agent/runtime/edge/program.h"
#include "agent/runtime/edge/wanted_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/edge/edge_contract.h"
#include "tests/contract/edge/http_load.h"
#include "tests/support/missing.h"

namespace drover::agent {
namespace {

using drover::testing::ConnectSilently;
using drover::testing::Fetch;
using drover::testing::FreePort;
using drover::testing::HttpBackend;
using ::testing::HasSubstr;

class AttachedNginxTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<std::string> program = FindProgram("nginx");
    if (!program.ok()) {
      DROVER_MISSING("nginx is not installed");
    }
    program_ = *program;
    dir_ = ContractDir();
    port_ = FreePort();
    std::filesystem::create_directories(dir_ + "/drover");
    WriteConfig("include " + dir_ + "/drover/*.conf;");
    set_.handle = 1;
    set_.http = true;
    set_.epoch = Epoch(1);
    set_.attach = "web";
  }

  void TearDown() override {
    edge_.reset();
    if (const std::optional<int> pid = Master()) {
      kill(*pid, SIGTERM);
      for (int i = 0; i < 200 && Master(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    }
    std::error_code error;
    std::filesystem::remove_all(dir_, error);
  }

  // `pass` once the upstream exists: before, nginx would refuse the name. `more` stands beside it.
  void WriteConfig(const std::string& include, bool pass = false, const std::string& more = "") {
    config_ =
        absl::StrCat("pid ", dir_, "/foreign.pid;\nerror_log ", dir_, "/error.log;\nevents {}\nhttp {\n",
                     "access_log off;\n", include, "\nserver { listen 127.0.0.1:", port_, "; location / { ",
                     pass ? "proxy_pass http://web;" : "return 404;", more, " } }\n}\n");
    std::ofstream(dir_ + "/foreign.conf") << config_;
  }

  // Once it has its title: the adapter knows it by that.
  std::optional<int> Master() const { return LivePid(dir_ + "/foreign.pid", "nginx: master process"); }

  void Start() {
    const absl::StatusOr<RunResult> started =
        RunProgram({program_, "-c", dir_ + "/foreign.conf"}, dir_ + "/out", absl::Seconds(5));
    ASSERT_TRUE(started.ok()) << started.status();
    ASSERT_EQ(started->exit_code, 0) << started->output;
    for (int i = 0; i < 200 && !Master(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ASSERT_TRUE(Master());
  }

  void Make() {
    NginxOptions options;
    options.dir = dir_ + "/state";
    options.include_dir = dir_ + "/drover";
    options.pid_file = dir_ + "/foreign.pid";
    options.config = dir_ + "/foreign.conf";
    absl::StatusOr<std::unique_ptr<Edge>> edge = MakeNginxEdge(options);
    ASSERT_TRUE(edge.ok()) << edge.status();
    edge_ = *std::move(edge);
  }

  EdgeState Settled() {
    EdgeState state = edge_->Reconcile(ContractNow());
    for (int i = 0; i < 300 && state.pending; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      state = edge_->Reconcile(ContractNow());
    }
    return state;
  }

  EdgeState Apply(const std::vector<const HttpBackend*>& backends) {
    set_.backends.clear();
    for (const HttpBackend* backend : backends) {
      set_.backends.push_back({.replica = ReplicaId(backend->port()),
                               .address = "127.0.0.1",
                               .port = backend->port(),
                               .drain = false});
    }
    set_.revision = Revision(set_.revision.value() + 1);
    edge_->SetDesired({set_});
    return Settled();
  }

  std::string Include() const { return ReadWholeFile(dir_ + "/drover/drover-web.conf").value_or("none"); }

  std::string program_, dir_, config_;
  uint32_t port_ = 0;
  std::unique_ptr<Edge> edge_;
  EdgeSet set_;
};

TEST_F(AttachedNginxTest, R6_6_OneIncludePerUpstreamAndNothingElse) {
  Start();
  Make();
  HttpBackend a;
  EdgeState state = Apply({&a});
  ASSERT_EQ(state.sets.size(), 1u) << state.error;
  EXPECT_EQ(state.error, "");
  EXPECT_EQ(state.sets.front().applied_revision, Revision(1)) << state.sets.front().error;
  EXPECT_THAT(edge_->Describe(), HasSubstr("attached"));
  EXPECT_EQ(*ReadWholeFile(dir_ + "/foreign.conf"), config_);

  // Its owner routes to the upstream and reloads.
  WriteConfig("include " + dir_ + "/drover/*.conf;", true);
  kill(*Master(), SIGHUP);
  for (int i = 0; i < 200 && Fetch(port_) != 200; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  HttpBackend b;
  state = Apply({&b});
  EXPECT_EQ(state.sets.front().applied_revision, Revision(2)) << state.error;
  EXPECT_EQ(Fetch(port_), 200);
  EXPECT_EQ(b.served(), 1u);
  EXPECT_EQ(Apply({}).sets.front().applied_revision, Revision(3));
  EXPECT_EQ(Fetch(port_), 503);

  // No service: the include stays, without replicas, as long as the owner's file needs it.
  edge_->SetDesired({});
  EXPECT_EQ(Settled().error, "");
  EXPECT_THAT(Include(), HasSubstr("upstream web"));
  EXPECT_EQ(*ReadWholeFile(dir_ + "/foreign.conf"), config_);
}

TEST_F(AttachedNginxTest, R6_6_AForeignRestartIsRightWithoutTheAgent) {
  Start();
  Make();
  HttpBackend a;
  Apply({&a});
  WriteConfig("include " + dir_ + "/drover/*.conf;", true);
  kill(*Master(), SIGTERM);
  for (int i = 0; i < 200 && Master(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EdgeState state = edge_->Reconcile(ContractNow());
  EXPECT_FALSE(state.reachable);
  EXPECT_THAT(state.error, HasSubstr("does not run; its owner has to start it"));
  Start();
  EXPECT_EQ(Fetch(port_), 200);
  state = Settled();
  EXPECT_EQ(state.reloads, 1u);  // the first one only
  EXPECT_EQ(state.sets.front().applied_revision, set_.revision) << state.error;
}

TEST_F(AttachedNginxTest, AMissingIncludeIsSaidWithTheLinesToAddAndReloadsNothing) {
  WriteConfig("");
  Start();
  Make();
  HttpBackend a;
  EdgeState state = Apply({&a});
  EXPECT_THAT(state.error, HasSubstr("does not include"));
  EXPECT_THAT(state.error, HasSubstr(absl::StrCat("include ", dir_, "/drover/*.conf;")));
  EXPECT_EQ(state.reloads, 0u);
  EXPECT_EQ(state.sets.front().applied_revision, Revision());
}

TEST_F(AttachedNginxTest, AConfigurationThatNginxRefusesIsNeverReloaded) {
  Start();
  Make();
  HttpBackend a;
  HttpBackend b;
  Apply({&a});
  const std::string good = Include();
  std::ofstream(dir_ + "/foreign.conf") << config_ << "nonsense;\n";
  const EdgeState state = Apply({&b});
  EXPECT_THAT(state.error, HasSubstr("unknown directive \"nonsense\""));
  EXPECT_EQ(state.reloads, 1u);
  EXPECT_EQ(state.sets.front().applied_revision, Revision());
  EXPECT_EQ(Include(), good);
}

TEST_F(AttachedNginxTest, WhatCannotBeAnUpstreamIsSaid) {
  Start();
  Make();
  set_.attach = "";
  EXPECT_THAT(Apply({}).sets.front().error, HasSubstr("x-edge attach"));
  set_.attach = "../web";
  EXPECT_THAT(Apply({}).sets.front().error, HasSubstr("no name of an upstream"));
}

TEST_F(AttachedNginxTest, R4_4_ARefusedRequestWakesWhateverHostItIsFor) {
  Start();
  Make();
  set_.hold = absl::Seconds(5);
  HttpBackend a;
  Apply({&a});
  WriteConfig("include " + dir_ + "/drover/*.conf;", true);
  kill(*Master(), SIGHUP);
  for (int i = 0; i < 200 && Fetch(port_) != 200; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(Apply({}).sets.front().held, 0);
  EXPECT_EQ(Fetch(port_, "/", "drover-web"), 503);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(edge_->Reconcile(ContractNow()).sets.front().held, 1);
}

TEST_F(AttachedNginxTest, TimesOfRequestsComeByTheLogLineOfTheSnippet) {
  Start();
  Make();
  HttpBackend a;
  Apply({&a});
  const std::string snippet = edge_->Check(set_.handle).snippet;
  const size_t line = snippet.find("access_log syslog:");
  ASSERT_NE(line, std::string::npos) << snippet;
  WriteConfig("include " + dir_ + "/drover/*.conf;", true,
              snippet.substr(line, snippet.find(';', line) + 1 - line));
  kill(*Master(), SIGHUP);
  a.Delay(std::chrono::milliseconds(60), std::chrono::milliseconds(60));
  // Workers of before go on accepting for a moment.
  for (int i = 0, taken = 0; i < 500 && taken < 20; ++i) {
    taken = Fetch(port_) == 200 ? taken + 1 : 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Fetch(port_), 200);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const std::optional<RequestTimes> times = edge_->Reconcile(ContractNow()).sets.front().times;
  ASSERT_TRUE(times);
  EXPECT_GE(times->answered.samples(), 20);
  EXPECT_GT(*times->answered.Quantile(0.5), absl::Milliseconds(50));
}

TEST_F(AttachedNginxTest, ChecksFindEachSingleThingThatIsMissing) {
  const auto last = [this] {
    const EdgeCheckReport report = edge_->Check(set_.handle);
    EXPECT_EQ(report.error, "");
    EXPECT_THAT(report.snippet, HasSubstr("proxy_pass http://web;"));
    const EdgeCheck& check = report.checks.back();
    return absl::StrCat(check.name, check.ok ? " ok" : check.unseen ? " unseen: " : ": ", check.detail);
  };
  Make();
  edge_->SetDesired({set_});
  EXPECT_THAT(last(), HasSubstr("process: no nginx runs by"));
  Start();
  std::ofstream(dir_ + "/foreign.conf") << config_ << "nonsense;\n";
  EXPECT_THAT(last(), HasSubstr("configuration: nginx refuses its configuration"));
  WriteConfig("");
  HttpBackend a;
  Apply({&a});
  EXPECT_THAT(last(), HasSubstr("include: the configuration does not include"));
  WriteConfig("include " + dir_ + "/drover/*.conf;");
  Make();  // another agent, which does not wait before it tries again
  Apply({&a});
  EXPECT_THAT(last(), HasSubstr("route unseen: no line says proxy_pass http://web"));
  WriteConfig("include " + dir_ + "/drover/*.conf;", true);
  EXPECT_EQ(last(), "route ok");
}

class NginxContract : public EdgeFixture {
 protected:
  NginxContract() : EdgeFixture(NginxAdapter()) {}
};

TEST_F(NginxContract, ReloadsAreAtMostOneASecondAndNoneForTheSame) {
  HttpBackend a;
  HttpBackend b;
  Apply({To(a)});
  const auto start = std::chrono::steady_clock::now();
  uint64_t changes = 0;
  while (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(2500)) {
    set_.backends =
        changes++ % 2 == 0 ? std::vector<EdgeBackend>{To(a), To(b)} : std::vector<EdgeBackend>{To(b)};
    edge_->SetDesired({set_});
    last_ = edge_->Reconcile(ContractNow());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_LE(last_.reloads, 3u);
  EXPECT_GT(changes, last_.reloads);
  Settle();
  const uint64_t reloads = last_.reloads;
  Apply(set_.backends);
  EXPECT_EQ(last_.reloads, reloads);
}

// A worker of before a reload still takes the first request of a connection that it accepted: as long as
// there may be one, a removed replica is not known to be quiet.
TEST_F(NginxContract, R6_1_ASilentConnectionToAnOldWorkerKeepsARemovedReplicaUnknown) {
  HttpBackend a;
  HttpBackend b;
  Apply({To(a)});
  const int silent = ConnectSilently(port());
  ASSERT_GE(silent, 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const EdgeSetState state = Apply({To(b), To(a, true)});
  EXPECT_EQ(state.applied_revision, set_.revision);
  ASSERT_EQ(state.servers.size(), 1u);
  EXPECT_EQ(state.servers.front().replica, ReplicaId(b.port()));
  close(silent);
  EXPECT_TRUE(Drained(ReplicaId(a.port())));
}

// At zero the first requests are refused, and tell the agent at once.
TEST_F(NginxContract, R4_4_ARefusedRequestWakesAndCountsAsLongAsItWouldWait) {
  std::atomic<int> woken = 0;
  EXPECT_TRUE(edge_->OnHeld([&] { ++woken; }));
  set_.hold = absl::Seconds(5);
  set_.max_held = 3;
  EXPECT_EQ(Apply({}).held, 0);
  EXPECT_EQ(Fetch(port()), 503);
  for (int i = 0; i < 200 && woken == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(edge_->Reconcile(ContractNow()).sets.front().held, 1);
  EXPECT_EQ(edge_->Reconcile(ContractNow() + absl::Seconds(4)).sets.front().held, 1);  // it is still wanted
  EXPECT_EQ(edge_->Reconcile(ContractNow() + absl::Seconds(6)).sets.front().held, 0);
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(Fetch(port()), 503);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(edge_->Reconcile(ContractNow() + absl::Seconds(7)).sets.front().held, 3);  // max_held
  Make();  // another agent hears them as well
  Apply({});
  EXPECT_EQ(Fetch(port()), 503);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(edge_->Reconcile(ContractNow()).sets.front().held, 1);
  HttpBackend a;
  EXPECT_EQ(Apply({To(a)}).held, 0);
  EXPECT_EQ(Fetch(port()), 200);
  edge_->OnHeld(nullptr);
}

TEST_F(NginxContract, R4_4_ARefusedPlainConnectionWakesToo) {
  set_.http = false;
  set_.hold = absl::Seconds(5);
  Apply({});
  const int fd = ConnectSilently(port());
  char byte = 0;
  EXPECT_EQ(recv(fd, &byte, 1, 0), 0);  // closed
  close(fd);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(edge_->Reconcile(ContractNow()).sets.front().held, 1);
}

TEST_F(NginxContract, WhatNginxCannotDoIsSaidAndTheSetServes) {
  HttpBackend a;
  set_.hold = absl::Seconds(5);
  set_.maxconn = 2;
  const EdgeSetState state = Apply({To(a)});
  EXPECT_EQ(state.applied_revision, set_.revision);
  EXPECT_THAT(state.error, HasSubstr("holds no requests"));
  EXPECT_THAT(state.error, HasSubstr("maxconn is not kept"));
  EXPECT_EQ(Fetch(port()), 200);
}

}  // namespace
}  // namespace drover::agent
