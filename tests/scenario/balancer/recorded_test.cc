// What a real HAProxy 2.6 answered while clients came and went (haproxy_2_6.txt: two servers with maxconn 4
// that take 200 ms a request, read once a second, killed and started anew after 10 s), taken through the
// agent's adapter, the wire and the controller's core to what is decided. DROVER_REWRITE=1 writes what
// comes of it into decisions.txt.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/runtime/convert.h"
#include "agent/runtime/edge/haproxy/drive.h"
#include "agent/runtime/edge/request_window.h"
#include "controller/core/autoscale/explain.h"
#include "controller/runtime/convert.h"
#include "tests/support/core_cluster.h"
#include "tests/support/fake_cli.h"

namespace drover::controller {
namespace {

using testing::FakeCli;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kBackend[] = "shop.web.8000";
constexpr char kRecorded[] = "tests/scenario/balancer/haproxy_2_6.txt";
constexpr char kDecisions[] = "tests/scenario/balancer/decisions.txt";
const ServiceKey kWeb = {"shop", "web"};

std::string ReadFile(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

struct Sample {
  std::string note;
  FakeCli::Answers answers;
};

// "### note", then ">>> command" and its answer, twice.
std::vector<Sample> Recorded() {
  std::vector<Sample> samples;
  std::string* answer = nullptr;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(ReadFile(kRecorded), '\n'))) {
    if (absl::StartsWith(line, "### ")) {
      samples.push_back({.note = line.substr(4), .answers = {}});
    } else if (absl::StartsWith(line, ">>> ")) {
      answer = &samples.back().answers[line.substr(4)];
    } else if (!line.empty()) {
      absl::StrAppend(answer, answer->empty() ? "" : "\n", line);
    }
  }
  return samples;
}

class RecordedBalancer {
 public:
  // `signals` of a service with two replicas that only explains, so that its backends stay those recorded.
  RecordedBalancer(AutoscaleSpec::Policy policy, std::vector<SignalSpec> signals) {
    for (const char* name : {"a", "lb"}) {
      FakeAgent& agent = cluster_.AddAgent(name);
      agent.auto_start = true;
      agent.address = "127.0.0.1";
      agent.port_first = 20001;
      agent.edge = name == std::string("lb");
      agent.capacity.cpu = MilliCpu(agent.edge ? 0 : 40'000);
      cluster_.Connect(agent);
      cluster_.Report(agent);
      cluster_.Take();
    }
    cluster_.Step(Apply(policy, std::move(signals)));
    cluster_.Take();
    cluster_.Pass(absl::Seconds(2), [](const Ready&) {});
  }

  // A log line of a request, as the balancer writes it; the readings that follow have it.
  void Log(const std::string& line) {
    const std::optional<agent::RequestLine> request = agent::ReadHaproxyLine(line);
    ASSERT_TRUE(request) << line;
    window_.Expect({kBackend});
    window_.Hear(*request, cluster_.now());
  }

  // A second later: the balancer is read, reports, and the service is decided about.
  void See(const Sample& sample, uint64_t process) {
    FakeAgent& lb = cluster_.agent("lb");
    v1::Report report;
    *report.mutable_edge() = agent::EdgeToWire(Drive(sample, process), cluster_.now());
    std::vector<std::string> faults;
    NodeReport core = ToCore(report, Received{cluster_.now(), lb.id, lb.stream}, faults);
    ASSERT_TRUE(faults.empty()) << faults[0];
    lb.edge_status = std::move(core.edge);
    cluster_.Pass(absl::Seconds(1), [](const Ready&) {});
  }

  const Decision& decision() const { return *cluster_.view()->services.at(kWeb)->decision; }

 private:
  ApplyStack Apply(AutoscaleSpec::Policy policy, std::vector<SignalSpec> signals) const {
    ServiceSpec web;
    web.name = "web";
    web.spec_hash = "web-1";
    web.image_id = "web:1";
    web.replicas = 2;
    web.reserved_cpu = MilliCpu(500);
    web.routed_ports = {8000};
    ListenerSpec listener;
    listener.port = 8080;
    listener.target = 8000;
    listener.http = true;
    listener.maxconn = 4;
    web.listeners = {listener};
    web.autoscale = AutoscaleSpec();
    web.autoscale->max = 40;
    web.autoscale->signals = std::move(signals);
    web.autoscale->policy = policy;
    web.autoscale->dry_run = true;
    ApplyStack apply;
    apply.now = cluster_.now();
    apply.wall = cluster_.wall();
    apply.spec.name = "shop";
    apply.spec.services = {web};
    return apply;
  }

  agent::EdgeState Drive(const Sample& sample, uint64_t process) {
    const FakeCli cli(sample.answers);
    absl::StatusOr<agent::RuntimeSession> session = cli.Open();
    EXPECT_TRUE(session.ok()) << session.status();
    const BackendSets wanted{.epoch = Epoch(1), .revision = Revision(1), .sets = cluster_.agent("lb").sets};
    const auto message = ToProto(Order{.node = NodeId("lb"), .stream = StreamId(1), .body = wanted}, {});
    agent::EdgeState state;
    state.instance = process;
    state.reachable = true;
    for (const agent::EdgeSet& set : agent::EdgeSetsFromWire(message.backends())) {
      auto round = agent::DriveSet(*session, set, kBackend, agent::OldLoad(), cluster_.now());
      EXPECT_TRUE(round.ok()) << round.status();
      EXPECT_EQ(round->state.error, "");
      round->state.times = window_.Times(kBackend, cluster_.now());
      state.sets.push_back(round->state);
    }
    return state;
  }

  CoreCluster cluster_;
  agent::RequestWindow window_;
};

SignalSpec PerReplica(SignalSpec::Kind kind, double target) {
  SignalSpec signal;
  signal.kind = kind;
  signal.target = target;
  return signal;
}

std::string Line(const SignalDecision& signal) {
  return absl::StrCat("  ", signal.name, ": ",
                      signal.wish ? absl::StrCat("wants ", *signal.wish, ", ", signal.formula)
                                  : absl::StrCat("unknown, ", signal.unknown_reason),
                      "\n");
}

TEST(RecordedBalancerTest, WhatHaproxySaidDecides) {
  using Kind = SignalSpec::Kind;
  SignalSpec latency;
  latency.kind = Kind::kLatency;
  latency.latency = LatencySpec{.quantile = 0.95, .target = absl::Milliseconds(500)};
  RecordedBalancer drover(AutoscaleSpec::Policy::kDrover,
                          {PerReplica(Kind::kInFlight, 4), PerReplica(Kind::kRate, 10), latency});
  RecordedBalancer kpa(AutoscaleSpec::Policy::kKpa, {PerReplica(Kind::kInFlight, 4)});
  RecordedBalancer by_rate(AutoscaleSpec::Policy::kKpa, {PerReplica(Kind::kRate, 10)});
  std::string text;
  const std::vector<Sample> samples = Recorded();
  ASSERT_EQ(samples.size(), 15U);
  for (size_t i = 0; i < samples.size(); ++i) {
    const uint64_t process = i < 10 ? 1 : 2;
    absl::StrAppend(&text, samples[i].note, "\n");
    drover.See(samples[i], process);
    for (const SignalDecision& signal : drover.decision().signals) {
      text += Line(signal);
    }
    for (RecordedBalancer* family : {&kpa, &by_rate}) {
      family->See(samples[i], process);
      absl::StrAppend(&text, "  kpa", Line(family->decision().signals[0]));
    }
  }
  if (std::getenv("DROVER_REWRITE") != nullptr) {
    std::ofstream(kDecisions) << text;
    return;
  }
  EXPECT_EQ(text, ReadFile(kDecisions));
}

// The same samples, and a line for each request: nine of ten take 200 ms, every tenth 400 ms; where clients
// wait, they waited 100 ms.
TEST(RecordedBalancerTest, LogLinesMakeTheQuantileKnown) {
  SignalSpec latency;
  latency.kind = SignalSpec::Kind::kLatency;
  latency.latency = LatencySpec{.quantile = 0.95, .target = absl::Milliseconds(800)};
  RecordedBalancer balancer(AutoscaleSpec::Policy::kDrover, {latency});
  const std::vector<Sample> samples = Recorded();
  for (size_t i = 0; i < 10; ++i) {
    for (int k = 0; k < 40; ++k) {
      const int replica = k % 10 == 0 ? 400 : 200;
      balancer.Log(absl::StrCat("shop.web.8000/drv1 3/100/0/", replica, "/", 3 + 100 + replica, " 200"));
    }
    balancer.See(samples[i], 1);
    const SignalDecision& signal = balancer.decision().signals[0];
    ASSERT_TRUE(signal.value) << signal.unknown_reason;
    if (i < 2) {
      EXPECT_THAT(signal.formula, Not(HasSubstr("measured"))) << "p95 needs a hundred";
    } else {
      EXPECT_NEAR(*signal.value, 0.5, 0.075);
      EXPECT_THAT(signal.formula,
                  HasSubstr(absl::StrCat("(of ", 40 * (i + 1), " requests), without waiting ")));
      const size_t at = signal.formula.find("without waiting ") + 16;
      EXPECT_NEAR(std::stod(signal.formula.substr(at)), 400, 60) << signal.formula;
    }
  }
}

}  // namespace
}  // namespace drover::controller
