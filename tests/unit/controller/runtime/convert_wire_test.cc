#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "controller/runtime/convert.h"
#include "tests/unit/controller/runtime/spec_builder.h"

namespace drover::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kNode = "00000000000000aa";

struct Result {
  NodeReport report;
  std::vector<std::string> faults;
};

Result Translate(const v1::Report& report) {
  Result out;
  out.report = ToCore(
      report, {.now = Instant::FromNanoseconds(5), .node = NodeId(kNode), .stream = StreamId(3)}, out.faults);
  return out;
}

Result Translate(const std::string& text) { return Translate(FromText<v1::Report>(text)); }

TEST(ConvertWireTest, HelloBecomesNodeConnected) {
  const auto hello = FromText<v1::Hello>(
      "cluster_id: 'c' node_id: '00000000000000aa' name: 'host1' boot_id: 'b' engine_id: 'e' highest_epoch: "
      "4 "
      "applied_epoch: 3 applied_revision: 2 capacity { cpu_milli: 4000 memory_bytes: 1000 foreign_cpu_milli: "
      "500 } "
      "labels { key: 'z' value: '1' } labels { key: 'a' value: '2' } advertise_address: '10.0.0.1' "
      "port_first: 20000 "
      "port_last: 29999 edge { kind: 'haproxy' bind: '0.0.0.0' } boottime_ns: 77 version: '1' "
      "found { replica_id: 9 stack: 's' service: 'w' name: 's-w-1' state: READY } found { name: 'no id' }");
  const auto event = ToCore(hello, Instant::FromNanoseconds(1), StreamId(8));
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->node, NodeId(kNode));
  EXPECT_EQ(event->stream, StreamId(8));
  EXPECT_EQ(event->highest_epoch, Epoch(4));
  EXPECT_EQ(event->capacity.cpu, MilliCpu(4000)) << "the agent has taken off what is foreign (R3.5)";
  EXPECT_THAT(event->labels, ElementsAre(std::pair("a", "2"), std::pair("z", "1")));
  EXPECT_TRUE(event->edge);
  EXPECT_EQ(event->sent, Instant::FromNanoseconds(77));
  ASSERT_EQ(event->found.size(), 1U);
  EXPECT_EQ(event->found[0].state, ReplicaState::kReady);
}

TEST(ConvertWireTest, HelloWithoutUsableNodeIdIsRefused) {
  for (const char* id : {"", "host1", "0000000000000000", "00000000000000zz"}) {
    v1::Hello hello;
    hello.set_node_id(id);
    EXPECT_FALSE(ToCore(hello, Instant(), StreamId(1)).ok()) << id;
  }
}

TEST(ConvertWireTest, HelloCapacityIsNeverNegative) {
  v1::Hello hello;
  hello.set_node_id(kNode);
  hello.mutable_capacity()->set_cpu_milli(std::numeric_limits<int64_t>::min());
  EXPECT_EQ(ToCore(hello, Instant(), StreamId(1))->capacity.cpu, MilliCpu(0));
}

TEST(ConvertWireTest, R4_AbsentIsUnknownNeverZero) {
  const Result result = Translate(
      "full: true replicas { handle: 1 handle: 2 state: 6 state: 6 age_ms: 100 age_ms: 200 "
      "cpu_milli: 50 cpu_milli: 0 cpu_valid: '\\001' memory_kib: 10 memory_kib: 20 }");
  EXPECT_THAT(result.faults, IsEmpty());
  ASSERT_EQ(result.report.replicas.size(), 2U);
  const ReplicaSample& first = result.report.replicas[0];
  const ReplicaSample& second = result.report.replicas[1];
  EXPECT_EQ(first.cpu_milli, 50);
  EXPECT_EQ(second.cpu_milli, std::nullopt);
  EXPECT_EQ(second.memory_bytes, 20 * 1024);
  EXPECT_EQ(second.busy, std::nullopt);
  EXPECT_EQ(second.age, absl::Milliseconds(200));
  EXPECT_TRUE(result.report.full);
}

TEST(ConvertWireTest, ColumnOfWrongLengthIsUnknownAndNamed) {
  const Result result = Translate(
      "full: true replicas { handle: 1 handle: 2 state: 6 state: 6 age_ms: 1 age_ms: 1 cpu_milli: 50 "
      "memory_kib: 1 memory_kib: 2 }");
  EXPECT_THAT(result.faults, ElementsAre(HasSubstr("replicas.cpu_milli: 1 values")));
  ASSERT_EQ(result.report.replicas.size(), 2U);
  EXPECT_EQ(result.report.replicas[0].cpu_milli, std::nullopt);
  EXPECT_EQ(result.report.replicas[1].memory_bytes, 2048);
}

TEST(ConvertWireTest, ShortValidityBitmapMakesTheColumnUnknown) {
  std::string handles;
  for (int i = 1; i <= 9; ++i) {
    handles += "handle: " + std::to_string(i) + " state: 6 age_ms: 0 cpu_milli: 7 ";
  }
  const Result result = Translate("replicas { " + handles + " cpu_valid: '\\377' }");
  EXPECT_EQ(result.faults.size(), 1U);
  EXPECT_EQ(result.report.replicas[0].cpu_milli, std::nullopt);
}

TEST(ConvertWireTest, R1_5_RowsThatCantBeReadAreNotTakenAsGone) {
  const Result no_state = Translate("full: true replicas { handle: 1 }");
  EXPECT_FALSE(no_state.report.full);
  EXPECT_THAT(no_state.report.replicas, IsEmpty());
  const Result odd_state = Translate("full: true replicas { handle: 1 state: 99 age_ms: 0 }");
  EXPECT_FALSE(odd_state.report.full);
  EXPECT_THAT(odd_state.faults, ElementsAre(HasSubstr("99 is no state")));
}

TEST(ConvertWireTest, R4_1_ValuesWithoutAgeAreUnknown) {
  const Result result = Translate("replicas { handle: 1 state: 6 cpu_milli: 5 }");
  ASSERT_EQ(result.report.replicas.size(), 1U);
  EXPECT_EQ(result.report.replicas[0].cpu_milli, std::nullopt);
}

TEST(ConvertWireTest, QueueSamples) {
  const Result result = Translate(
      "queues { probe: 1 term: 2 known: true ready: 12 held: 3 age_ms: 40 } "
      "queues { probe: 2 known: false ready: 99 error: 'redis: WRONGPASS' } "
      "queues { probe: 3 known: true ready: nan } queues { probe: 4 known: true ready: 1e308 } "
      "queues { probe: 5 known: true ready: 1 held: 1e308 }");
  ASSERT_EQ(result.report.queues.size(), 5U);
  EXPECT_EQ(result.report.queues[0].ready, 12);
  EXPECT_EQ(result.report.queues[0].held, 3);
  EXPECT_EQ(result.report.queues[0].workers, std::nullopt);
  EXPECT_EQ(result.report.queues[1].ready, std::nullopt);
  EXPECT_EQ(result.report.queues[1].error, "redis: WRONGPASS");
  EXPECT_EQ(result.report.queues[2].ready, std::nullopt);
  EXPECT_EQ(result.report.queues[3].ready, std::nullopt);  // what becomes infinite in a sum
  EXPECT_EQ(result.report.queues[4].held, std::nullopt);
  EXPECT_EQ(result.faults.size(), 2U);
}

TEST(ConvertWireTest, R6_1_EdgeSetWithBrokenColumnsIsLeftOut) {
  const Result result = Translate(
      "edge { reachable: true sets { set: 1 applied_revision: 4 replica_id: 7 in_flight: 2 up: true } "
      "sets { set: 2 applied_revision: 5 replica_id: 7 } }");
  ASSERT_TRUE(result.report.edge.has_value());
  ASSERT_EQ(result.report.edge->sets.size(), 1U);
  EXPECT_EQ(result.report.edge->sets[0].servers[0].in_flight, 2);
  EXPECT_EQ(result.faults.size(), 1U);
}

TEST(ConvertWireTest, StopsNoticesAndRemovals) {
  const Result result = Translate(
      "stops { replica_id: 5 result: CLEAN exit_code: 0 signal_to_exit_ms: 120 } stops { replica_id: 6 } "
      "events { reason: 'RemovedByHand' message: 'm' replica_id: 5 warning: true } removed: 5 removed: 6 "
      "host { cpu_milli: 100 pressure_cpu: 3 pressure_memory: -1 pressure_io: 0 } "
      "stuck { call: 'docker start' since_ms: 3000 } unknown { replica_id: 8 }");
  ASSERT_EQ(result.report.stops.size(), 1U);
  EXPECT_EQ(result.report.stops[0].signal_to_exit, absl::Milliseconds(120));
  EXPECT_EQ(result.faults.size(), 1U);
  EXPECT_EQ(result.report.notices[0].reason, "RemovedByHand");
  EXPECT_THAT(result.report.removed, ElementsAre(ReplicaId(5), ReplicaId(6)));
  EXPECT_EQ(result.report.host->pressure_memory, std::nullopt);
  EXPECT_EQ(result.report.host->pressure_io, 0);
  EXPECT_EQ(result.report.unknown[0].id, ReplicaId(8));
  EXPECT_EQ(result.report.stuck[0].since, absl::Seconds(3));
}

TEST(ConvertWireTest, WelcomeCarriesTheTermsOfTheStream) {
  const Order order{.node = NodeId(kNode),
                    .stream = StreamId(1),
                    .body = Welcome{.cluster = ClusterId("c"), .epoch = Epoch(4), .settled = true}};
  const v1::ControllerMessage message =
      ToProto(order, {.protocol = 1, .report_interval = absl::Milliseconds(500)});
  EXPECT_EQ(message.welcome().cluster_id(), "c");
  EXPECT_EQ(message.welcome().epoch(), 4U);
  EXPECT_EQ(message.welcome().protocol(), 1U);
  EXPECT_EQ(message.welcome().report_interval_ms(), 500U);
}

TEST(ConvertWireTest, AssignmentBringsTheContextWithItsHashAndRevision) {
  v1::ServiceContext context;
  context.mutable_container()->set_image("web:1");
  Assignment assignment;
  assignment.cluster = ClusterId("c");
  assignment.epoch = Epoch(2);
  assignment.revision = Revision(9);
  assignment.run.push_back({.id = ReplicaId(5),
                            .handle = 3,
                            .spec_hash = "h",
                            .number = 1,
                            .published = {{.container_port = 80, .host_port = 20001}},
                            .quiet = true,
                            .image_id = "sha256:1"});
  assignment.remove.push_back({.id = ReplicaId(6), .reason = "ScaleDown", .operator_change = true});
  assignment.contexts.push_back({.service = {"shop", "web"},
                                 .spec_hash = "h",
                                 .stack_revision = 12,
                                 .context = context.SerializeAsString()});
  const v1::ControllerMessage message =
      ToProto(Order{.node = NodeId(kNode), .stream = StreamId(1), .body = assignment}, {});
  const v1::Assignment& out = message.assignment();
  EXPECT_EQ(out.revision(), 9U);
  EXPECT_EQ(out.base_revision(), 0U);
  EXPECT_EQ(out.run(0).published(0).host_port(), 20001U);
  EXPECT_EQ(out.run(0).phase(), v1::QUIET);
  EXPECT_TRUE(out.operator_change());
  EXPECT_EQ(out.services(0).container().image(), "web:1");
  EXPECT_EQ(out.services(0).spec_hash(), "h");
  EXPECT_EQ(out.services(0).service_revision(), 12U);
  EXPECT_EQ(out.services(0).service(), "web");
}

TEST(ConvertWireTest, R4_3_ProbeHostIsReplacedWhenResolved) {
  const auto queue = FromText<v1::QueueSpec>("name: 'q' keys: 'jobs' endpoints { host: 'redis' port: 6379 }");
  ProbeAssignment probes;
  Probe& resolved = probes.probes.emplace_back();
  resolved.probe = queue.SerializeAsString();
  resolved.host = "10.0.0.9";
  resolved.port = 20007;
  probes.probes.emplace_back().probe = queue.SerializeAsString();
  const auto message = ToProto(Order{.node = NodeId(kNode), .stream = StreamId(1), .body = probes}, {});
  EXPECT_EQ(message.probes().probes(0).queue().endpoints(0).host(), "10.0.0.9");
  EXPECT_EQ(message.probes().probes(0).queue().endpoints(0).port(), 20007U);
  EXPECT_EQ(message.probes().probes(1).queue().endpoints(0).host(), "redis");
}

TEST(ConvertWireTest, BackendSets) {
  BackendSet set;
  set.handle = 4;
  set.service = {"shop", "web"};
  set.target = 80;
  set.slots = 5;
  ListenerSpec& listener = set.listeners.emplace_back();
  listener.port = 8080;
  listener.host = "a.example";
  set.backends.push_back({.replica = ReplicaId(3), .address = "10.0.0.1", .port = 20001, .drain = true});
  BackendSets sets{.epoch = Epoch(1), .revision = Revision(2), .sets = {set}};
  const auto message = ToProto(Order{.node = NodeId(kNode), .stream = StreamId(1), .body = sets}, {});
  const v1::BackendSet& out = message.backends().sets(0);
  EXPECT_EQ(out.listeners(0).host(), "a.example");
  EXPECT_EQ(out.backends(0).replica_id(), 3U);
  EXPECT_TRUE(out.backends(0).drain());
}

}  // namespace
}  // namespace drover::controller
