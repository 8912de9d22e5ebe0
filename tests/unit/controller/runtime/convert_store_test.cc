#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/runtime/convert.h"
#include "tests/unit/controller/runtime/spec_builder.h"

namespace drover::controller {
namespace {

TEST(ConvertStoreTest, StackSurvivesTheRoundTrip) {
  StackRecord record;
  record.name = "shop";
  record.revision = 7;
  record.spec =
      *ToCore(Stack("ports { target: 80 published: 8080 } "
                    "autoscale { min: 1 max: 4 signals { cpu { target_percent: 60 } } }"));
  record.removing = true;
  record.remove_volumes = true;
  record.applied_at = absl::FromUnixMillis(1700000000123);
  EXPECT_EQ(ToCore(ToProto(record)), record);
}

TEST(ConvertStoreTest, ServiceSurvivesTheRoundTrip) {
  ServiceRecord record;
  record.key = {"shop", "web"};
  record.desired = 5;
  record.backend_revision = 3;
  record.paused = true;
  record.pause_down_only = true;
  record.paused_until = absl::FromUnixSeconds(1700000000);
  record.held = true;
  record.data_node = NodeId("00000000000000aa");
  record.task_revision_done = 4;
  record.next_number = 9;
  record.failures = {{.replica = ReplicaId(7),
                      .name = "shop-web-2",
                      .node = NodeId("00000000000000aa"),
                      .at = absl::FromUnixSeconds(1700000100),
                      .reason = "OutOfMemory",
                      .message = "last lines: …",
                      .exit_code = 137},
                     {.replica = ReplicaId(8), .reason = "Unhealthy"}};
  EXPECT_EQ(ToCore(ToProto(record)), record);
}

TEST(ConvertStoreTest, ReplicaSurvivesTheRoundTripInEveryState) {
  for (const ReplicaState state : kAllReplicaStates) {
    ReplicaRecord record;
    record.id = ReplicaId(UINT64_MAX);
    record.service = {"shop", "web"};
    record.node = NodeId("00000000000000aa");
    record.number = 2;
    record.handle = 8;
    record.spec_hash = "h";
    record.stack_revision = 5;
    record.state = state;
    record.published = {{.container_port = 80, .host_port = 20000}};
    record.reason = "ScaleDown";
    record.forced = true;
    record.operator_change = true;
    record.remove_volumes = true;
    record.superseded = true;
    record.reserved = {MilliCpu(500), Bytes(1 << 20)};
    const auto back = ToCore(ToProto(record));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, record);
  }
}

TEST(ConvertStoreTest, UnknownReplicaStateIsDataLoss) {
  v1::StoredReplica stored;
  stored.set_id(5);
  stored.set_state(static_cast<v1::ReplicaState>(258));
  EXPECT_EQ(ToCore(stored).status().code(), absl::StatusCode::kDataLoss);
}

TEST(ConvertStoreTest, NodeSurvivesTheRoundTrip) {
  NodeRecord record;
  record.id = NodeId("00000000000000aa");
  record.name = "host1";
  record.engine_id = "e";
  record.revision = 12;
  record.next_handle = 4;
  record.address = "10.0.0.1";
  record.port_first = 20000;
  record.port_last = 29999;
  record.edge = true;
  record.edge_bind = "0.0.0.0";
  record.capacity = {MilliCpu(4000), Bytes(1 << 30)};
  record.labels = {{"a", "1"}, {"b", "2"}};
  EXPECT_EQ(ToCore(ToProto(record)), record);
}

TEST(ConvertStoreTest, TimesAndDurations) {
  for (const Duration d : {absl::ZeroDuration(), absl::Milliseconds(1500), absl::Hours(24 * 400)}) {
    EXPECT_EQ(ToCore(ToProto(d)), d);
  }
  const absl::Time time = absl::FromUnixNanos(1700000000123456789);
  EXPECT_EQ(ToCore(ToProto(time)), time);
}

TEST(ConvertStoreTest, TheClusterSurvivesTheRoundTrip) {
  ClusterRecord record;
  EXPECT_EQ(ToCore(ToProto(record)), record);
  record.frozen = true;
  record.frozen_until = absl::FromUnixSeconds(1700000000);
  record.frozen_note = "eve: the sale";
  record.removed_nodes = {{NodeId("00000000000000aa"), "host1", absl::FromUnixSeconds(1700000001)}};
  EXPECT_EQ(ToCore(ToProto(record)), record);
}

TEST(ConvertStoreTest, WhatWasSaidOfANodeSurvivesTheRoundTrip) {
  for (const NodeAvailability availability : {NodeAvailability::kActive, NodeAvailability::kCordoned,
                                              NodeAvailability::kDraining, NodeAvailability::kMaintenance}) {
    NodeRecord record;
    record.id = NodeId("00000000000000aa");
    record.availability = availability;
    record.drain_deadline = absl::FromUnixSeconds(1700000000);
    record.available_at = absl::FromUnixSeconds(1700000060);
    record.availability_note = "eve: new disks";
    EXPECT_EQ(ToCore(ToProto(record)), record);
  }
}

}  // namespace
}  // namespace drover::controller
