// The HAProxy adapter on a process and a configuration of somebody else (R6.6).
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "agent/runtime/clock.h"
#include "agent/runtime/edge/haproxy/haproxy.h"
#include "agent/runtime/edge/haproxy/process.h"
#include "agent/runtime/edge/haproxy/request_log_lines.h"
#include "agent/runtime/edge/haproxy/runtime_api.h"
#include "agent/runtime/edge/program.h"
#include "agent/runtime/edge/wanted_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/edge/http_load.h"
#include "tests/support/missing.h"

namespace drover::agent {
namespace {

using drover::testing::Fetch;
using drover::testing::FreePort;
using drover::testing::HttpBackend;
using ::testing::HasSubstr;

class AttachedHaproxy : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<std::string> program = FindProgram("haproxy");
    if (!program.ok()) {
      DROVER_MISSING("haproxy is not installed");
    }
    char path[] = "/tmp/drover-attach-XXXXXX";
    dir_ = mkdtemp(path);
    port_ = FreePort();
    admin_port_ = FreePort();
    config_ = absl::StrCat(
        "global\n  stats socket ", dir_, "/foreign.sock mode 600 level admin\n",
        "  stats socket ipv4@127.0.0.1:", admin_port_, " level admin\n",
        "defaults\n  mode http\n  timeout connect 1s\n  timeout client 5s\n  timeout server 5s\n",
        "frontend f\n  bind 127.0.0.1:", port_, "\n  default_backend web\n",
        "backend web\n  option redispatch 1\n  server own1 127.0.0.1:1 disabled\n",
        "  server drvother 127.0.0.1:1 disabled\n",
        "  server-template drv 1-3 127.0.0.1:1 check inter 500ms fall 2 rise 1 disabled\n");
    std::ofstream(dir_ + "/foreign.cfg") << config_;
    program_ = *program;
    Start();
    HaproxyOptions options;
    options.dir = dir_ + "/state";
    options.attach_socket = dir_ + "/foreign.sock";
    absl::StatusOr<std::unique_ptr<Edge>> edge = MakeHaproxyEdge(options);
    ASSERT_TRUE(edge.ok()) << edge.status();
    edge_ = *std::move(edge);
    set_.handle = 1;
    set_.http = true;
    set_.slots = 3;
    set_.epoch = Epoch(1);
    set_.revision = Revision(1);
    set_.attach = "web";
  }

  void TearDown() override {
    Stop();
    if (!dir_.empty()) {
      std::filesystem::remove_all(dir_);
    }
  }

  void Start() {
    const absl::StatusOr<RunResult> started =
        RunProgram({program_, "-D", "-f", dir_ + "/foreign.cfg", "-p", dir_ + "/foreign.pid"}, dir_ + "/out",
                   absl::Seconds(5));
    ASSERT_TRUE(started.ok()) << started.status();
    ASSERT_EQ(started->exit_code, 0) << started->output;
  }

  void Stop() const {
    const absl::StatusOr<std::string> pid = ReadWholeFile(dir_ + "/foreign.pid");
    if (pid.ok()) {
      kill(std::stoi(*pid), SIGKILL);
    }
  }

  std::string ByHand(const std::string& command) const {
    absl::StatusOr<RuntimeSession> session = RuntimeSession::Open(
        dir_ + "/foreign.sock", "> ", std::chrono::steady_clock::now() + std::chrono::seconds(2));
    return session.ok() ? session->Command(command).value_or("no answer") : "no connection";
  }

  EdgeState Apply(const std::vector<const HttpBackend*>& backends) {
    set_.backends.clear();
    for (const HttpBackend* backend : backends) {
      set_.backends.push_back({.replica = ReplicaId(backend->port()),
                               .address = "127.0.0.1",
                               .port = backend->port(),
                               .drain = false});
    }
    edge_->SetDesired({set_});
    return edge_->Reconcile(Instant());
  }

  // Of a round now.
  std::optional<RequestTimes> Times() {
    const EdgeState state = edge_->Reconcile(Now());
    EXPECT_EQ(state.sets.size(), 1u) << state.error;
    return state.sets.empty() ? std::nullopt : state.sets.front().times;
  }

  std::string program_, dir_, config_;
  uint32_t port_ = 0;
  uint32_t admin_port_ = 0;
  std::unique_ptr<Edge> edge_;
  EdgeSet set_;
};

TEST_F(AttachedHaproxy, R6_6_OnlyServersOfOursAreTouched) {
  HttpBackend a;
  HttpBackend own;
  EXPECT_THAT(ByHand(absl::StrCat("set server web/own1 addr 127.0.0.1 port ", own.port())),
              HasSubstr("port changed"));
  EXPECT_EQ(ByHand("set server web/own1 state ready"), "");
  const EdgeState state = Apply({&a});
  ASSERT_EQ(state.sets.size(), 1u) << state.error;
  EXPECT_EQ(state.sets.front().error, "");
  EXPECT_EQ(state.sets.front().applied_revision, Revision(1));
  EXPECT_THAT(edge_->Describe(), HasSubstr("attached"));
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(Fetch(port_), 200);
  }
  EXPECT_EQ(a.served(), 2u);
  EXPECT_EQ(own.served(), 2u);
  const absl::StatusOr<std::vector<ServerRow>> rows = ParseServersState(ByHand("show servers state web"));
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ((*rows)[0].port, own.port());
  EXPECT_EQ((*rows)[1].port, 1u);  // drvother is not a slot name
  EXPECT_EQ(*ReadWholeFile(dir_ + "/foreign.cfg"), config_);
}

TEST_F(AttachedHaproxy, ItsSocketMayBeOfTcp) {
  HaproxyOptions options;
  options.dir = dir_ + "/by_tcp";
  options.attach_socket = absl::StrCat("127.0.0.1:", admin_port_);
  edge_ = *MakeHaproxyEdge(options);
  HttpBackend a;
  const EdgeState state = Apply({&a});
  ASSERT_EQ(state.sets.size(), 1u) << state.error;
  EXPECT_EQ(state.sets.front().applied_revision, Revision(1));
  EXPECT_EQ(Fetch(port_), 200);
  Stop();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(edge_->Reconcile(Instant()).reachable);
  options.dir = dir_ + "/by_neither";
  options.attach_socket = "haproxy.sock";
  EXPECT_THAT((*MakeHaproxyEdge(options))->Reconcile(Instant()).error, HasSubstr("an IP address and a port"));
}

TEST_F(AttachedHaproxy, R6_6_WipedStateIsRepairedInOneRound) {
  HttpBackend a;
  const EdgeState before = Apply({&a});
  Stop();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const EdgeState gone = edge_->Reconcile(Instant());
  EXPECT_FALSE(gone.reachable);
  EXPECT_EQ(gone.error, dir_ + "/foreign.sock: Connection refused");
  Start();
  const EdgeState after = edge_->Reconcile(Instant());
  EXPECT_NE(after.instance, before.instance);
  ASSERT_EQ(after.sets.size(), 1u) << after.error;
  EXPECT_EQ(after.sets.front().applied_revision, Revision(1));
  EXPECT_EQ(Fetch(port_), 200);
}

TEST_F(AttachedHaproxy, MissingBackendOrSlotsAreSaidWithTheLinesToAdd) {
  set_.attach = "nothere";
  HttpBackend a;
  EdgeState state = Apply({&a});
  ASSERT_EQ(state.sets.size(), 1u) << state.error;
  EXPECT_THAT(state.sets.front().error, HasSubstr("no backend nothere"));
  EXPECT_THAT(state.sets.front().error, HasSubstr("server-template drv 1-3 127.0.0.1:1 check"));

  set_.attach = "web";
  set_.slots = 8;
  HttpBackend b, c, d;
  state = Apply({&a, &b, &c, &d});
  EXPECT_THAT(state.sets.front().error, HasSubstr("1 of 4 replicas found no slot"));
  EXPECT_THAT(state.sets.front().error, HasSubstr("server-template drv 1-8"));
  EXPECT_EQ(state.sets.front().applied_revision, Revision());

  set_.attach = "";
  EXPECT_THAT(Apply({&a}).sets.front().error, HasSubstr("x-edge attach"));
}

// What `drover edge check` finds of a configuration that has every line of the snippet, or all but one.
class AttachedHaproxyCheck : public AttachedHaproxy {
 protected:
  // Starts HAProxy with these lines; what is found to be wrong, or not seen, by its name.
  std::map<std::string, std::string> Wrong(const std::string& lines) {
    Stop();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    std::ofstream(dir_ + "/foreign.cfg")
        << "global\n  stats socket " << dir_ << "/foreign.sock mode 600 level " << level_
        << "\ndefaults\n  mode http\n  timeout connect 1s\n  timeout client 5s\n  timeout server 5s\n"
        << lines;
    Start();
    std::map<std::string, std::string> wrong;
    const EdgeCheckReport report = edge_->Check(set_.handle);
    EXPECT_EQ(report.error, "");
    EXPECT_NE(report.snippet, "");
    names_.clear();
    for (const EdgeCheck& check : report.checks) {
      names_.push_back(check.name);
      if (check.name == "log") {
        EXPECT_TRUE(check.unseen) << "nobody asked";
      } else if (!check.ok) {
        wrong[check.name] = absl::StrCat(check.unseen ? "unseen: " : "", check.detail);
      }
    }
    return wrong;
  }

  std::string level_ = "admin";
  std::vector<std::string> names_;
};

TEST_F(AttachedHaproxyCheck, TheSnippetPassesAndEachSingleLineThatIsMissingIsFound) {
  set_.hold = absl::Seconds(5);
  set_.max_held = 100;
  set_.maxconn = 7;
  set_.traffic.timeout = absl::Minutes(2);
  edge_->SetDesired({set_});
  const std::string snippet = edge_->Check(set_.handle).snippet;
  EXPECT_THAT(Wrong(snippet), ::testing::IsEmpty()) << snippet;
  EXPECT_THAT(names_, ::testing::ElementsAre("socket", "backend", "servers", "command", "balance",
                                             "redispatch", "traffic", "hold", "log"));
  EXPECT_THAT(ByHand("show servers state web"), ::testing::Not(HasSubstr(" 2 - 0 ")));

  const std::vector<std::string> lines = absl::StrSplit(snippet, '\n', absl::SkipEmpty());
  size_t looked_at = 0;
  for (const std::string& missing : lines) {
    if (missing == "global" || absl::StrContains(missing, "lua-load") || absl::StartsWith(missing, "#")) {
      continue;  // HAProxy itself refuses the rest without; or for other sections
    }
    std::vector<std::string> rest = lines;
    std::erase(rest, missing);
    const std::string name = absl::StartsWith(missing, "backend")            ? "backend"
                             : absl::StrContains(missing, "redispatch")      ? "redispatch"
                             : absl::StrContains(missing, "server-template") ? "servers"
                             : absl::StrContains(missing, "timeout")         ? "traffic"
                                                                             : "hold";
    std::string text = absl::StrJoin(rest, "\n") + "\n";
    if (name == "backend") {
      text = absl::StrReplaceAll(snippet, {{"backend web", "backend other"}});
    }
    const std::map<std::string, std::string> wrong = Wrong(text);
    ASSERT_EQ(wrong.size(), 1u) << missing;
    EXPECT_EQ(wrong.begin()->first, name) << missing;
    ++looked_at;
  }
  EXPECT_EQ(looked_at, 7u) << snippet;
}

TEST_F(AttachedHaproxyCheck, WhatElseCanBeWrong) {
  edge_->SetDesired({set_});
  const std::string slots = "  server-template drv 1-3 127.0.0.1:1 check disabled\n";
  EXPECT_THAT(Wrong("backend web\n  option redispatch\n  balance source\n" + slots)["balance"],
              HasSubstr("source: weights can't be changed"));
  EXPECT_THAT(Wrong("backend web\n  option redispatch\n  balance source\n  hash-type consistent\n" + slots),
              ::testing::IsEmpty());
  EXPECT_THAT(Wrong("  option redispatch\nbackend web\n" + slots), ::testing::IsEmpty());
  EXPECT_THAT(Wrong("  option redispatch\nbackend web\n  no option redispatch\n" + slots)["redispatch"],
              HasSubstr("needs `option redispatch 1`"));
  EXPECT_THAT(
      Wrong("  option redispatch\nbackend web\n  server-template drv 1-2 127.0.0.1:1 disabled\n")["servers"],
      HasSubstr("2 servers drv1…drvN, 3 are needed"));
  level_ = "operator";
  EXPECT_THAT(Wrong("  option redispatch\nbackend web\n" + slots)["command"],
              HasSubstr("the socket needs `level admin`"));
}

TEST_F(AttachedHaproxyCheck, HowClientsAreTreatedIsLookedAtInAnyNotation) {
  set_.traffic.sticky = EdgeTraffic::Sticky::kCookie;
  set_.traffic.slow_start = absl::Seconds(10);
  set_.traffic.h2 = true;
  set_.maxconn = 7;
  edge_->SetDesired({set_});
  const std::string snippet = edge_->Check(set_.handle).snippet;
  EXPECT_THAT(Wrong(snippet), ::testing::IsEmpty()) << snippet;
  EXPECT_THAT(Wrong(absl::StrReplaceAll(snippet, {{"slowstart 10000ms", "slowstart 10s"}})),
              ::testing::IsEmpty());
  EXPECT_THAT(Wrong(absl::StrReplaceAll(
                  snippet, {{"  server-template", "  default-server maxconn 7\n  server-template"},
                            {" maxconn 7", ""}})),
              ::testing::IsEmpty());
  for (const char* words : {" slowstart 10000ms", " maxconn 7", " proto h2", " httponly"}) {
    const std::map<std::string, std::string> wrong = Wrong(absl::StrReplaceAll(snippet, {{words, ""}}));
    ASSERT_EQ(wrong.size(), 1u) << words;
    EXPECT_EQ(wrong.begin()->first, "traffic") << wrong.begin()->second;
  }
}

TEST_F(AttachedHaproxyCheck, ServersInUseAreNotTouched) {
  HttpBackend a;
  HttpBackend b;
  HttpBackend c;
  Apply({&a, &b, &c});
  const std::string before = ByHand("show servers state web");
  EdgeCheckReport report = edge_->Check(set_.handle);
  EXPECT_EQ(ByHand("show servers state web"), before);
  const auto command = std::find_if(report.checks.begin(), report.checks.end(),
                                    [](const EdgeCheck& check) { return check.name == "command"; });
  ASSERT_NE(command, report.checks.end());
  EXPECT_TRUE(command->unseen);
  Apply({&a, &b});
  report = edge_->Check(set_.handle);
  for (const EdgeCheck& check : report.checks) {
    EXPECT_TRUE(check.ok || check.name == "log") << check.name << ": " << check.detail;
  }
  EXPECT_EQ(edge_->Reconcile(Instant()).sets.front().applied_revision, set_.revision);
}

TEST_F(AttachedHaproxyCheck, AChangedFileIsNotBelievedAndASilentSocketIsSaid) {
  edge_->SetDesired({set_});
  std::filesystem::last_write_time(dir_ + "/foreign.cfg",
                                   std::filesystem::file_time_type::clock::now() + std::chrono::seconds(5));
  EdgeCheckReport report = edge_->Check(set_.handle);
  const EdgeCheck& traffic = report.checks.at(report.checks.size() - 2);
  EXPECT_TRUE(traffic.unseen);
  EXPECT_THAT(traffic.detail, HasSubstr("was changed after HAProxy read it"));
  EXPECT_THAT(edge_->Check(99).error, HasSubstr("was not told of the service yet"));
  Stop();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  report = edge_->Check(set_.handle);
  EXPECT_THAT(report.snippet, HasSubstr("server-template drv 1-3"));
  ASSERT_EQ(report.checks.size(), 2u);
  EXPECT_THAT(report.checks[0].detail, HasSubstr("Connection refused"));
}

// Its file can't be read: requests that it counts and no line tells of show that the line is missing.
TEST_F(AttachedHaproxy, TimesOfRequestsNeedTheLogLine) {
  HttpBackend a;
  set_.backends = {{.replica = ReplicaId(1), .address = "127.0.0.1", .port = a.port(), .drain = false}};
  edge_->SetDesired({set_});
  EXPECT_TRUE(Times()) << "nothing came that a line could tell of";
  EXPECT_EQ(Fetch(port_), 200);
  EXPECT_TRUE(Times()) << "it may be on its way";
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));
  EXPECT_FALSE(Times());
  EXPECT_THAT(edge_->Check(set_.handle).checks.back().detail, HasSubstr("no line tells of them"));

  Stop();
  config_.insert(config_.find("  default_backend"),
                 absl::StrReplaceAll(RequestLogSnippet(RequestLogName(dir_ + "/state")), {{"#   ", "  "}}));
  std::ofstream(dir_ + "/foreign.cfg") << config_;
  Start();
  EXPECT_TRUE(Times()) << "another process";
  EXPECT_EQ(Fetch(port_), 200);
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));
  const std::optional<RequestTimes> times = Times();
  ASSERT_TRUE(times);
  EXPECT_EQ(times->answered.samples(), 1);
  const EdgeCheck log = edge_->Check(set_.handle).checks.back();
  EXPECT_TRUE(log.ok) << log.name << ": " << log.detail;
}

}  // namespace
}  // namespace drover::agent
