// What containers of others take, on a real Docker Engine (R3.5).
#include "agent/runtime/foreign.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "agent/runtime/clock.h"
#include "tests/integration/agent/docker_fixture.h"
#include "tests/support/missing.h"

namespace drover::agent {
namespace {

constexpr int64_t kMiB = 1 << 20;

class ForeignTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::string missing = DockerMissing(); !missing.empty()) {
      DROVER_MISSING(missing);
    }
    name_ = UniqueStack();
    ASSERT_TRUE(client_.Negotiate().ok());
  }

  void TearDown() override { Shell(absl::StrCat("docker rm -f ", name_)); }

  void Run(const std::string& flags, const std::string& script) {
    int code = 0;
    const std::string said = Shell(absl::StrCat("docker run -d --network none --name ", name_, " ", flags,
                                                " ", kTestImage, " sh -c '", script, "'"),
                                   &code);
    ASSERT_EQ(code, 0) << said;
  }

  // Of all foreign containers: the engine may have others than ours.
  Resources Taken(ForeignWatch& watch) {
    Resources sum;
    const absl::StatusOr<std::vector<Foreign>> all = watch.Read(Now());
    EXPECT_TRUE(all.ok()) << all.status();
    for (const Foreign& one : all.ok() ? *all : std::vector<Foreign>()) {
      sum = sum + one.resources;
    }
    return sum;
  }

  std::string name_;
  docker::Client client_{kDockerSocket};
};

TEST_F(ForeignTest, R3_5_WhatIsReservedCounts) {
  ForeignWatch watch(&client_);
  const Resources before = Taken(watch);
  Run("--cpus 0.7 --memory-reservation 96m", "sleep 1000");
  const Resources with = Taken(watch);
  EXPECT_EQ(with.cpu - before.cpu, MilliCpu(700));
  EXPECT_EQ(with.memory - before.memory, Bytes(96 * kMiB));
}

TEST_F(ForeignTest, R3_5_WhatIsNotReservedCountsAsUsed) {
  ForeignWatch watch(&client_);
  Run("", "while true; do true; done");
  (void)Taken(watch);
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const Resources with = Taken(watch);
  EXPECT_GE(with.cpu, MilliCpu(200)) << "a busy loop, on a machine that may be busy itself";
  EXPECT_GE(with.memory, Bytes(64 * kMiB)) << "rounded up";
  Shell(absl::StrCat("docker rm -f ", name_));
  EXPECT_LT(Taken(watch).memory, with.memory);
}

}  // namespace
}  // namespace drover::agent
