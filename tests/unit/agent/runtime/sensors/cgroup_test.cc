#include "agent/runtime/sensors/cgroup.h"

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "agent/runtime/sensors/host.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace drover::agent {
namespace {

Instant At(int64_t ms) { return Instant::FromNanoseconds(ms * 1'000'000); }

const ReplicaId kReplica(1);

// A folder tree in the shape of /sys/fs/cgroup and /proc.
class Tree : public ::testing::Test {
 protected:
  Tree() {
    char path[] = "/tmp/drover-cgroup-XXXXXX";
    root_ = mkdtemp(path);
  }

  ~Tree() override { std::filesystem::remove_all(root_); }

  void Put(const std::string& path, const std::string& text) const {
    const std::filesystem::path full = root_ + "/" + path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text;
  }

  CgroupOptions Options() const {
    return {.cgroup_root = root_ + "/cg", .proc_root = root_ + "/proc", .memory_stat_every = 3};
  }

  void PutV1() const {
    Put("proc/42/cgroup", "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n1:name=systemd:/docker/abc\n");
    Put("cg/cpuacct/docker/abc/cpuacct.usage", "1000000000\n");
    Put("cg/memory/docker/abc/memory.usage_in_bytes", "10000\n");
    Put("cg/memory/docker/abc/memory.stat", "inactive_file 1\ntotal_inactive_file 4000\n");
  }

  std::string root_;
};

TEST_F(Tree, V1) {
  PutV1();
  CgroupSensor sensor(Options());
  EXPECT_EQ(sensor.layout(), CgroupLayout::kV1);
  ASSERT_TRUE(sensor.Watch(kReplica, 42).ok());
  CgroupSample sample = sensor.Read(kReplica, At(1000));
  EXPECT_EQ(sample.cpu, std::nullopt);  // one value is no rate yet
  EXPECT_EQ(sample.memory, Bytes(6000));
  Put("cg/cpuacct/docker/abc/cpuacct.usage", "1250000000\n");
  EXPECT_EQ(sensor.Read(kReplica, At(1500)).cpu, MilliCpu(500));
}

TEST_F(Tree, HybridReadsControllersOnV1) {
  PutV1();
  Put("cg/unified/cgroup.controllers", "");
  CgroupSensor sensor(Options());
  EXPECT_EQ(sensor.layout(), CgroupLayout::kHybrid);
  ASSERT_TRUE(sensor.Watch(kReplica, 42).ok());
  EXPECT_EQ(sensor.Read(kReplica, At(1000)).memory, Bytes(6000));
}

TEST_F(Tree, V2) {
  Put("cg/cgroup.controllers", "cpu memory\n");
  Put("proc/42/cgroup", "0::/system.slice/docker-abc.scope\n");
  Put("cg/system.slice/docker-abc.scope/cpu.stat", "usage_usec 1000000\nuser_usec 7\n");
  Put("cg/system.slice/docker-abc.scope/memory.current", "10000\n");
  Put("cg/system.slice/docker-abc.scope/memory.stat", "anon 1\ninactive_file 2000\n");
  CgroupSensor sensor(Options());
  EXPECT_EQ(sensor.layout(), CgroupLayout::kV2);
  ASSERT_TRUE(sensor.Watch(kReplica, 42).ok());
  EXPECT_EQ(sensor.Read(kReplica, At(1000)).memory, Bytes(8000));
  Put("cg/system.slice/docker-abc.scope/cpu.stat", "usage_usec 4000000\n");
  EXPECT_EQ(sensor.Read(kReplica, At(2000)).cpu, MilliCpu(3000));
}

TEST_F(Tree, MemoryStatIsReadEveryNthRoundOnly) {
  PutV1();
  CgroupSensor sensor(Options());
  ASSERT_TRUE(sensor.Watch(kReplica, 42).ok());
  EXPECT_EQ(sensor.Read(kReplica, At(1)).memory, Bytes(6000));
  Put("cg/memory/docker/abc/memory.stat", "total_inactive_file 1000\n");
  EXPECT_EQ(sensor.Read(kReplica, At(2)).memory, Bytes(6000));
  EXPECT_EQ(sensor.Read(kReplica, At(3)).memory, Bytes(6000));
  EXPECT_EQ(sensor.Read(kReplica, At(4)).memory, Bytes(9000));
}

TEST_F(Tree, PathsOfAnAgentInAContainerAreFoundFromTheMount) {
  PutV1();
  Put("proc/42/cgroup", "5:cpu,cpuacct:/../../docker/abc\n4:memory:/../../docker/abc\n");
  CgroupSensor sensor(Options());
  ASSERT_TRUE(sensor.Watch(kReplica, 42).ok());
  EXPECT_EQ(sensor.Read(kReplica, At(1)).memory, Bytes(6000));
}

TEST_F(Tree, R4_UnknownIsAbsent) {
  PutV1();
  CgroupSensor sensor(Options());
  EXPECT_TRUE(absl::IsNotFound(sensor.Watch(kReplica, 43)));
  EXPECT_EQ(sensor.Read(kReplica, At(1)).memory, std::nullopt);
  ASSERT_TRUE(sensor.Watch(kReplica, 42).ok());
  sensor.Read(kReplica, At(1));
  Put("cg/cpuacct/docker/abc/cpuacct.usage", "garbage\n");
  Put("cg/memory/docker/abc/memory.usage_in_bytes", "");
  const CgroupSample sample = sensor.Read(kReplica, At(2));
  EXPECT_EQ(sample.cpu, std::nullopt);
  EXPECT_EQ(sample.memory, std::nullopt);
  sensor.Forget(kReplica);
  EXPECT_EQ(sensor.Read(kReplica, At(3)).memory, std::nullopt);

  Put("proc/44/cgroup", "4:memory:/docker/gone\n");
  EXPECT_TRUE(absl::IsNotFound(sensor.Watch(kReplica, 44)));
}

TEST_F(Tree, ACounterThatFellIsNoRate) {
  PutV1();
  CgroupSensor sensor(Options());
  ASSERT_TRUE(sensor.Watch(kReplica, 42).ok());
  sensor.Read(kReplica, At(1));
  Put("cg/cpuacct/docker/abc/cpuacct.usage", "5\n");
  EXPECT_EQ(sensor.Read(kReplica, At(2)).cpu, std::nullopt);
}

TEST(CgroupTest, OwnProcess) {
  CgroupSensor sensor(CgroupOptions{});
  ASSERT_TRUE(sensor.Watch(kReplica, getpid()).ok());
  sensor.Read(kReplica, At(1000));
  EXPECT_NE(sensor.Read(kReplica, At(2000)).cpu, std::nullopt);
}

TEST_F(Tree, Host) {
  Put("proc/stat", "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1\ncpu1 1\nintr 5\n");
  Put("proc/meminfo", "MemTotal:       2048 kB\nMemFree: 1 kB\nMemAvailable:   1024 kB\n");
  Put("proc/pressure/cpu", "some avg10=1.25 avg60=0.00 avg300=0.00 total=1\n");
  HostSensor sensor(root_ + "/proc");
  HostUsage usage = sensor.Read();
  EXPECT_EQ(usage.cpu, std::nullopt);
  EXPECT_EQ(usage.cpu_count, 2u);
  EXPECT_EQ(usage.memory_total, Bytes(2048 * 1024));
  EXPECT_EQ(usage.memory_available, Bytes(1024 * 1024));
  EXPECT_EQ(usage.pressure_cpu, 1.25);
  EXPECT_EQ(usage.pressure_io, std::nullopt);
  // 50 busy, 40 idle and 10 waiting ticks later.
  Put("proc/stat", "cpu  130 0 120 840 10 0 0 0 0 0\ncpu0 1\ncpu1 1\nintr 5\n");
  EXPECT_EQ(sensor.Read().cpu, MilliCpu(1000));
}

TEST(HostTest, ThisHost) {
  HostSensor sensor;
  const HostUsage usage = sensor.Read();
  EXPECT_GT(usage.cpu_count, 0u);
  EXPECT_GT(usage.memory_total->value(), usage.memory_available->value());
}

}  // namespace
}  // namespace drover::agent
