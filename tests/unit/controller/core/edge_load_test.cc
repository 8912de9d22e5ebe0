// The load of a service from what its edges report: sums, what is missing, what is old (R4, R6.3).
#include "controller/core/edge_load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/core/report.h"
#include "controller/core/signals.h"
#include "tests/unit/controller/core/model_builder.h"

namespace drover::controller {
namespace {

using testing::HasSubstr;

constexpr Duration kFresh = absl::Seconds(3);

class EdgeLoadTest : public testing::Test {
 protected:
  EdgeLoadTest() : probes_(model()) {
    ServiceSpec web = ModelBuilder::Spec("web");
    web.autoscale = AutoscaleSpec();
    web.autoscale->max = 10;
    web.autoscale->signals.resize(1);
    web.autoscale->signals[0].kind = SignalSpec::Kind::kInFlight;
    web.autoscale->signals[0].target = 5;
    service_ = &builder_.AddService(web);
    Node& host = builder_.AddNode("host");
    first_ = builder_.AddReplica(*service_, host, ReplicaState::kReady).record.id;
    second_ = builder_.AddReplica(*service_, host, ReplicaState::kReady).record.id;
    BackendSet set;
    set.handle = 7;
    set.service = service_->key;
    set.epoch = model().epoch;
    set.listeners.emplace_back().port = 80;
    set.maxconn = 4;
    set.backends = {{first_, "10.0.0.1", 20000, false}, {second_, "10.0.0.1", 20001, false}};
    service_->sets = {set};
    model().set_owners[7] = service_->key;
  }

  Model& model() { return builder_.model(); }

  void AddEdge(const std::string& name) {
    builder_.AddNode(name);
    model().edges.insert(NodeId(name));
  }

  EdgeSetStatus Status(int64_t in_first, int64_t in_second, int64_t queued) {
    EdgeSetStatus status;
    status.set = 7;
    status.applied_epoch = model().epoch;
    status.servers = {{first_, in_first, true}, {second_, in_second, true}};
    status.queued = queued;
    status.requests_total = 0;
    status.finished_total = 0;
    return status;
  }

  void Report(const std::string& edge, EdgeStatus status) {
    NodeReport report;
    report.now = report.sent = model().now;
    report.node = NodeId(edge);
    report.stream = StreamId(1);
    report.edge = std::move(status);
    FoldReport(model(), probes_, report);
  }

  void Report(const std::string& edge, const EdgeSetStatus& set, uint64_t process = 1) {
    EdgeStatus status;
    status.instance = process;
    status.reachable = true;
    status.sets = {set};
    Report(edge, std::move(status));
  }

  void Pass(Duration duration) { model().now = model().now + duration; }

  EdgeLoad Load() { return LoadOf(model(), *service_, kFresh); }

  SignalInput Input(SignalSpec::Kind kind) {
    ServiceSpec spec = *service_->spec;
    spec.autoscale->signals[0].kind = kind;
    service_->spec = std::make_shared<const ServiceSpec>(spec);
    next_.reset();
    return MakeSignals(model(), probes_, *service_, &next_).at(0);
  }

  void SetMin(int64_t min) {
    ServiceSpec spec = *service_->spec;
    spec.autoscale->min = min;
    service_->spec = std::make_shared<const ServiceSpec>(spec);
  }

  ModelBuilder builder_;
  Probes probes_;
  Service* service_;
  ReplicaId first_, second_;
  std::optional<Instant> next_;
};

TEST_F(EdgeLoadTest, SumsServersQueueAndEdges) {
  AddEdge("lb1");
  AddEdge("lb2");
  Report("lb1", Status(3, 4, 2));
  EdgeSetStatus other = Status(1, 0, 0);
  other.held = 5;
  Report("lb2", other);
  const EdgeLoad load = Load();
  EXPECT_EQ(load.in_flight.missing, "");
  EXPECT_EQ(load.in_flight.value, 15);
  EXPECT_EQ(load.waiting.value, 7);
  EXPECT_EQ(load.slots, 8) << "each edge lets 4 through to a replica";
  EXPECT_EQ(Input(SignalSpec::Kind::kInFlight).total, 15);
}

TEST_F(EdgeLoadTest, R4_NoEdgeIsUnknown) {
  EXPECT_EQ(Load().in_flight.missing, "no node has a load balancer");
  AddEdge("lb1");
  service_->sets.clear();
  EXPECT_EQ(Load().in_flight.missing, "no load balancer routes to this service");
  EXPECT_FALSE(Input(SignalSpec::Kind::kInFlight).total);
}

TEST_F(EdgeLoadTest, R4_ASilentEdgeIsMissingAndTheOtherIsAtLeast) {
  AddEdge("lb1");
  AddEdge("lb2");
  Report("lb1", Status(3, 4, 2));
  SignalInput input = Input(SignalSpec::Kind::kInFlight);
  EXPECT_FALSE(input.total);
  EXPECT_EQ(input.at_least, 9);
  EXPECT_EQ(input.unknown_reason, "not measured yet by lb2");
  Report("lb2", Status(0, 0, 0));
  EXPECT_EQ(Input(SignalSpec::Kind::kInFlight).total, 9);
  EXPECT_EQ(next_, model().now + kFresh + absl::Milliseconds(1));
  Pass(absl::Seconds(2));
  Report("lb1", Status(5, 5, 0));
  Pass(absl::Seconds(2));
  input = Input(SignalSpec::Kind::kInFlight);
  EXPECT_FALSE(input.total);
  EXPECT_EQ(input.at_least, 10);
  EXPECT_EQ(input.unknown_reason, "last measured 4s ago by lb2");
}

TEST_F(EdgeLoadTest, R4_WhatTheEdgeCouldNotReadIsMissing) {
  AddEdge("lb1");
  EdgeSetStatus status = Status(3, 4, 0);
  status.at_least = true;
  Report("lb1", status);
  EXPECT_EQ(Load().in_flight.value, 7);
  EXPECT_EQ(Load().in_flight.missing, "requests of before a reload could not be read by lb1");

  status = Status(3, 4, 0);
  status.servers.pop_back();
  Report("lb1", status);
  EXPECT_EQ(Load().in_flight.missing, "") << "a server that is not there yet has nothing";
  service_->sets[0].backends[1].drain = true;
  EXPECT_EQ(Load().in_flight.missing, "requests of before a reload could not be read by lb1");

  status = EdgeSetStatus();
  status.set = 7;
  status.error = "port 80 is in use";
  Report("lb1", status);
  EXPECT_EQ(Load().in_flight.missing, "lb1: port 80 is in use");
  EXPECT_FALSE(Input(SignalSpec::Kind::kInFlight).at_least);

  EdgeStatus silent;
  silent.instance = 1;
  silent.error = "no socket";
  Report("lb1", silent);
  EXPECT_EQ(Load().in_flight.missing, "the balancer of lb1 does not answer: no socket");
}

TEST_F(EdgeLoadTest, R1_2_HandlesOfAnotherControllerSayNothing) {
  AddEdge("lb1");
  EdgeSetStatus status = Status(3, 4, 0);
  status.applied_epoch = Epoch(model().epoch.value() - 1);
  Report("lb1", status);
  EXPECT_EQ(Load().in_flight.missing, "not measured yet by lb1");
  EXPECT_EQ(Load().in_flight.value, 7) << "these are our replicas";
  status.servers[0].replica = ReplicaId(99);
  Report("lb1", status);
  EXPECT_EQ(Load().in_flight.value, 0) << "and one of these is not";
  EXPECT_FALSE(Load().rate.missing.empty());
}

TEST_F(EdgeLoadTest, R4_RatesNeedTwoReadsOfOneProcess) {
  AddEdge("lb1");
  const auto count = [&](uint64_t total, uint64_t process) {
    EdgeSetStatus status = Status(1, 1, 0);
    status.requests_total = total;
    status.finished_total = total - 2;
    Report("lb1", status, process);
  };
  count(1000, 1);
  EXPECT_THAT(Input(SignalSpec::Kind::kRate).unknown_reason,
              HasSubstr("not counted for long enough yet by lb1"));
  Pass(absl::Seconds(1));
  count(1080, 1);
  EXPECT_EQ(Input(SignalSpec::Kind::kRate).total, 80);
  EXPECT_EQ(Load().arrived, 80);
  Pass(absl::Seconds(1));
  count(30, 2);
  EXPECT_FALSE(Input(SignalSpec::Kind::kRate).total) << "a new process";
  EXPECT_FALSE(Load().arrived);
  Pass(absl::Seconds(1));
  count(90, 2);
  EXPECT_EQ(Input(SignalSpec::Kind::kRate).total, 60);
  EXPECT_EQ(Load().finished, 140);
}

TEST_F(EdgeLoadTest, LatencyNeedsAQueueInTheBalancer) {
  AddEdge("lb1");
  Report("lb1", Status(3, 4, 2));
  const SignalInput input = Input(SignalSpec::Kind::kLatency);
  ASSERT_TRUE(input.load);
  EXPECT_EQ(input.load->waiting, 2);
  EXPECT_EQ(input.load->running, 7);
  EXPECT_EQ(input.load->slots, 4);
  EXPECT_FALSE(input.load->arrivals) << "one read";
  service_->sets[0].maxconn = 0;
  EXPECT_THAT(Input(SignalSpec::Kind::kLatency).unknown_reason, HasSubstr("no maxconn"));
}

TEST_F(EdgeLoadTest, NewsOfAnEdgeAreAReasonToDecide) {
  AddEdge("lb1");
  service_->input_changed = false;
  Report("lb1", Status(0, 0, 0));
  EXPECT_TRUE(service_->input_changed);
  ServiceSpec spec = *service_->spec;
  spec.autoscale->signals[0].kind = SignalSpec::Kind::kCpu;
  service_->spec = std::make_shared<const ServiceSpec>(spec);
  service_->input_changed = false;
  Report("lb1", Status(0, 0, 0));
  EXPECT_FALSE(service_->input_changed) << "it does not go by what edges say";
}

TEST_F(EdgeLoadTest, R4_2_ABacklogIsThatOfTheReplicas) {
  model().replicas.at(first_).sample.emplace().backlog = 6;
  model().replicas.at(first_).sampled = model().now;
  const SignalInput input = Input(SignalSpec::Kind::kBacklog);
  ASSERT_EQ(input.replicas.size(), 2U);
  EXPECT_NE(input.replicas[0].used.has_value(), input.replicas[1].used.has_value());
  EXPECT_EQ(input.replicas[0].used.value_or(0) + input.replicas[1].used.value_or(0), 6);
}

// With min 0 the least sign of work counts as some: it keeps the service from zero and wakes it there.
TEST_F(EdgeLoadTest, WorkTooShortToBeCaughtIsWorkAtMinZero) {
  AddEdge("lb");
  EdgeSetStatus status = Status(0, 0, 0);
  Report("lb", status);
  Pass(absl::Seconds(1));
  status.requests_total = status.finished_total = 3;
  Report("lb", status);
  EXPECT_EQ(Input(SignalSpec::Kind::kInFlight).total, 0);
  SetMin(0);
  EXPECT_EQ(Input(SignalSpec::Kind::kInFlight).total, 0.01);
  EXPECT_EQ(Input(SignalSpec::Kind::kLatency).total, 0.01);
  EXPECT_EQ(Input(SignalSpec::Kind::kRate).total, 3);
  for (int i = 0; i < 10; ++i) {
    Pass(absl::Seconds(1));
    Report("lb", status);
  }
  EXPECT_EQ(Input(SignalSpec::Kind::kInFlight).total, 0) << "nothing came for seconds";
}

TEST_F(EdgeLoadTest, AHeldRequestWakesWhateverTheSignal) {
  AddEdge("lb");
  SetMin(0);
  EdgeSetStatus status = Status(0, 0, 0);
  status.held = 1;
  Report("lb", status);
  EXPECT_EQ(Input(SignalSpec::Kind::kInFlight).total, 1);
  EXPECT_EQ(Input(SignalSpec::Kind::kLatency).total, 1);
  const SignalInput rate = Input(SignalSpec::Kind::kRate);
  EXPECT_FALSE(rate.total) << "not counted for long enough";
  EXPECT_EQ(rate.at_least, 0.01);
}

// R6.1: a replica that leaves and of which an edge does not tell what it has in flight is not quiet.
TEST_F(EdgeLoadTest, R6_1_AMissingRowIsNoQuietRead) {
  AddEdge("lb");
  Replica& leaving = model().replicas.at(second_);
  model().SetState(leaving, ReplicaState::kDraining);
  leaving.drain_revision = 3;
  service_->sets[0].backends[1].drain = true;
  EdgeSetStatus status = Status(0, 0, 0);
  status.applied_revision = Revision(3);
  EdgeSetStatus unknown = status;
  unknown.servers.pop_back();
  for (int i = 0; i < 3; ++i) {
    Report("lb", unknown);
  }
  EXPECT_EQ(leaving.quiet_reads.at(NodeId("lb")), 0);
  Report("lb", status);
  EXPECT_EQ(leaving.quiet_reads.at(NodeId("lb")), 1);
}

RequestTimes TimesOf(int requests, Duration replica, Duration wait) {
  RequestTimes times;
  for (int i = 0; i < requests; ++i) {
    times.replica.Add(replica);
    times.answered.Add(replica + wait);
  }
  return times;
}

size_t BucketOf(double seconds) { return DurationHistogram::BucketOf(absl::Seconds(seconds)); }

TEST_F(EdgeLoadTest, TheQuantileIsThatOfAllEdges) {
  AddEdge("lb1");
  AddEdge("lb2");
  EdgeSetStatus first = Status(3, 4, 2);
  EdgeSetStatus second = Status(0, 0, 0);
  first.times = TimesOf(60, absl::Milliseconds(100), absl::Milliseconds(300));
  second.times = TimesOf(30, absl::Milliseconds(10), absl::ZeroDuration());
  Report("lb1", first);
  Report("lb2", second);
  EXPECT_FALSE(Input(SignalSpec::Kind::kLatency).quantile) << "p95 needs a hundred requests";
  second.times = TimesOf(60, absl::Milliseconds(10), absl::ZeroDuration());
  Report("lb2", second);
  const SignalInput input = Input(SignalSpec::Kind::kLatency);
  ASSERT_TRUE(input.load && input.quantile);
  EXPECT_EQ(input.quantile->quantile, 0.95);
  EXPECT_EQ(input.quantile->requests, 120);
  EXPECT_EQ(BucketOf(input.quantile->answered_s), BucketOf(0.4));
  EXPECT_EQ(BucketOf(input.quantile->replica_s), BucketOf(0.1));
  EXPECT_FALSE(Input(SignalSpec::Kind::kInFlight).quantile);
}

// lb1 has 1000 requests a second and logs half of them, lb2 has ten.
TEST_F(EdgeLoadTest, AnEdgeThatLogsAPartHasItsWholeWeight) {
  AddEdge("lb1");
  AddEdge("lb2");
  EdgeSetStatus first = Status(0, 0, 0);
  EdgeSetStatus second = Status(0, 0, 0);
  for (int i = 0; i < 6; ++i) {
    first.requests_total = first.finished_total = static_cast<uint64_t>(1000 * i);
    first.times = TimesOf(500, absl::Milliseconds(10), absl::ZeroDuration());
    Report("lb1", first);
    second.requests_total = second.finished_total = static_cast<uint64_t>(10 * i);
    second.times = TimesOf(100, absl::Milliseconds(900), absl::ZeroDuration());
    Report("lb2", second);
    Pass(absl::Seconds(1));
  }
  EXPECT_EQ(Load().times.answered.samples(), 600);
  const SignalInput input = Input(SignalSpec::Kind::kLatency);
  ASSERT_TRUE(input.quantile);
  EXPECT_EQ(BucketOf(input.quantile->replica_s), BucketOf(0.01)) << "slow ones are one in a hundred";
}

TEST_F(EdgeLoadTest, R4_AnAttachedBalancerWithoutLogLinesTellsNoQuantile) {
  AddEdge("lb1");
  service_->sets[0].http = true;
  EdgeSetStatus status = Status(3, 4, 2);
  Report("lb1", status);
  EXPECT_TRUE(Input(SignalSpec::Kind::kLatency).load)
      << "of a managed one the mean will do until requests come";
  service_->sets[0].attach = "web_servers";
  const SignalInput input = Input(SignalSpec::Kind::kLatency);
  EXPECT_FALSE(input.total || input.load || input.quantile);
  EXPECT_EQ(input.unknown_reason,
            "p95 can't be measured: the attached balancer web_servers of lb1 writes no log lines of its "
            "requests; `drover edge snippet web` shows the line to add, or scale on in_flight");
  EXPECT_EQ(Input(SignalSpec::Kind::kInFlight).total, 9) << "which needs no lines";
  status.times = RequestTimes();
  Report("lb1", status);
  EXPECT_TRUE(Input(SignalSpec::Kind::kLatency).load) << "no request has come yet";
  status.times.reset();
  Report("lb1", status);
  service_->sets[0].http = false;
  EXPECT_TRUE(Input(SignalSpec::Kind::kLatency).load) << "of plain TCP there are no requests to tell of";
}

}  // namespace
}  // namespace drover::controller
