#include "agent/runtime/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/runtime/capacity.h"
#include "agent/runtime/convert.h"
#include "agent/runtime/host_resources.h"

namespace drover::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Instant At(int64_t milliseconds) { return Instant::FromNanoseconds(milliseconds * 1'000'000); }

ReplicaStatus Status(uint32_t handle, ReplicaState state) {
  ReplicaStatus status;
  status.id = ReplicaId(100 + handle);
  status.handle = handle;
  status.state = state;
  return status;
}

ReportInput Input(Instant now, std::vector<ReplicaStatus> replicas) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->known = true;
  snapshot->epoch = Epoch(3);
  snapshot->revision = Revision(9);
  snapshot->replicas = std::move(replicas);
  ReportInput input;
  input.now = now;
  input.snapshot = snapshot;
  return input;
}

TEST(ReportTest, FirstIsFullThenOnlyWhatChanged) {
  ReportPacker packer;
  std::vector<ReplicaStatus> two = {Status(1, ReplicaState::kReady), Status(2, ReplicaState::kStarting)};
  v1::Report first = packer.Pack(Input(At(0), two));
  EXPECT_TRUE(first.full());
  EXPECT_THAT(first.replicas().handle(), ElementsAre(1u, 2u));
  EXPECT_EQ(first.replicas().detail_size(), 2);
  EXPECT_EQ(first.applied_epoch(), 3u);
  EXPECT_EQ(first.applied_revision(), 9u);

  v1::Report same = packer.Pack(Input(At(1000), two));
  EXPECT_FALSE(same.full());
  EXPECT_THAT(same.replicas().handle(), IsEmpty());
  EXPECT_EQ(same.sequence(), first.sequence() + 1);

  two[1].state = ReplicaState::kRunning;
  v1::Report changed = packer.Pack(Input(At(2000), two));
  EXPECT_THAT(changed.replicas().handle(), ElementsAre(2u));
  EXPECT_THAT(changed.replicas().state(), ElementsAre(static_cast<uint32_t>(v1::RUNNING)));
  EXPECT_TRUE(packer.Pack(Input(At(31000), two)).full()) << "again after 30 s";
}

TEST(ReportTest, R1_5_NotFullBeforeTheEngineWasListed) {
  ReportPacker packer;
  auto snapshot = std::make_shared<Snapshot>();
  ReportInput input;
  input.snapshot = snapshot;
  EXPECT_FALSE(packer.Pack(input).full());
}

TEST(ReportTest, R4_UnknownIsABitAndNeverZero) {
  ReportPacker packer;
  std::vector<ReplicaStatus> replicas;
  for (uint32_t handle = 1; handle <= 10; ++handle) {
    replicas.push_back(Status(handle, ReplicaState::kReady));
  }
  ReportInput input = Input(At(5000), replicas);
  for (uint32_t handle = 1; handle <= 10; ++handle) {
    ReplicaSample& sample = input.samples[ReplicaId(100 + handle)];
    sample.read_at = At(4990);
    sample.memory_bytes = 2048 * handle;
    if (handle == 9) {
      sample.cpu_milli = 250;
    }
  }
  const v1::Report report = packer.Pack(input);
  const v1::ReplicaColumns& columns = report.replicas();
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(IsKnown(columns.cpu_valid(), i), i == 8) << i;
  }
  EXPECT_EQ(columns.cpu_milli(8), 250u);
  EXPECT_EQ(columns.memory_valid(), "") << "all known";
  EXPECT_EQ(columns.memory_kib(3), 8u);
  EXPECT_EQ(columns.busy_valid(), std::string(2, '\0')) << "none known";
  EXPECT_EQ(columns.age_ms(0), 10u);
}

TEST(ReportTest, ACountdownAloneIsNoChange) {
  ReportPacker packer;
  ReplicaStatus status = Status(1, ReplicaState::kStarting);
  status.retry_at = At(60000);
  packer.Pack(Input(At(0), {status}));
  EXPECT_THAT(packer.Pack(Input(At(1000), {status})).replicas().handle(), IsEmpty());
  EXPECT_EQ(packer.Pack(Input(At(60001), {status})).replicas().detail_size(), 1) << "it is over";
}

TEST(ConvertTest, R1_6_WhatIsHeldSurvivesTheDisk) {
  v1::Assignment wire;
  wire.set_cluster_id("c");
  wire.set_epoch(4);
  wire.set_revision(7);
  v1::RunReplica& run = *wire.add_run();
  run.set_replica_id(5);
  run.set_handle(2);
  run.set_spec_hash("h");
  run.set_number(3);
  run.set_phase(v1::QUIET);
  run.add_published()->set_container_port(80);
  v1::RemoveReplica& remove = *wire.add_remove();
  remove.set_replica_id(6);
  remove.set_grace_ms(1500);
  v1::ServiceContext& service = *wire.add_services();
  service.set_spec_hash("h");
  service.add_routed_ports(80);
  Assignment assignment = AssignmentFromWire(wire);
  HeldAssignment held;
  held.cluster = assignment.cluster;
  held.highest_epoch = Epoch(5);
  held.epoch = assignment.epoch;
  held.revision = assignment.revision;
  held.boot_id = "boot";
  held.run = assignment.run;
  held.remove = assignment.remove;
  held.contexts = assignment.contexts;
  EXPECT_EQ(HeldFromProto(HeldToProto(held)), held);
}

TEST(ConvertTest, R3_4_TheFirstCheckThatExistsDecides) {
  v1::ServiceContext service;
  service.add_routed_ports(80);
  EXPECT_TRUE(ContextFromWire(service).has_ready_check);
  service.mutable_container()->mutable_healthcheck()->add_test("CMD");
  EXPECT_TRUE(ContextFromWire(service).has_healthcheck);
  EXPECT_FALSE(ContextFromWire(service).has_ready_check);
  service.mutable_ready()->mutable_tcp()->set_port(80);
  EXPECT_FALSE(ContextFromWire(service).has_healthcheck);
  EXPECT_TRUE(ContextFromWire(service).has_ready_check);
}

TEST(CapacityTest, R3_5_ConfiguredOrFoundMinusReserveMinusForeign) {
  Resources host{MilliCpu(4000), Bytes(int64_t{8} << 30)};
  Config config;
  v1::Capacity found = CapacityOf(config, host, {{{MilliCpu(500), Bytes(int64_t{1} << 30)}}});
  EXPECT_EQ(found.cpu_milli(), 4000 - 200 - 500);
  EXPECT_EQ(found.foreign_cpu_milli(), 500);
  config.capacity_cpu = MilliCpu(1000);
  config.capacity_memory = Bytes(int64_t{1} << 30);
  v1::Capacity configured = CapacityOf(config, host, {});
  EXPECT_EQ(configured.cpu_milli(), 950);
  EXPECT_EQ(configured.memory_bytes(), (int64_t{1} << 30) - (int64_t{256} << 20)) << "at least 256 MiB";
}

TEST(SubnetsTest, R8_2_FreeOnesOfThePoolInOrder) {
  EXPECT_THAT(FreeSubnets("10.200.0.0/22", 24, {"10.200.1.0/24", "172.17.0.0/16", "fd00::/64"}, 8),
              ElementsAre("10.200.0.0/24", "10.200.2.0/24", "10.200.3.0/24"));
  EXPECT_THAT(FreeSubnets("10.200.0.0/22", 24, {"10.0.0.0/8"}, 8), IsEmpty());
}

}  // namespace
}  // namespace drover::agent
