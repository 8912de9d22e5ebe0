#include "agent/runtime/edge/haproxy/server_counts.h"

#include <optional>
#include <vector>

#include "gtest/gtest.h"

namespace drover::agent {
namespace {

EdgeSet Wanted(const std::vector<uint32_t>& ports) {
  EdgeSet set;
  for (const uint32_t port : ports) {
    set.backends.push_back({.replica = ReplicaId(port), .address = "10.0.0.1", .port = port});
  }
  return set;
}

// Totals of the replica at `port` after a read of one slot that leads there.
class ServerCountsTest : public ::testing::Test {
 protected:
  std::optional<uint64_t> Read(uint32_t port, uint64_t requests, uint64_t errors = 0, uint64_t instance = 1) {
    EdgeSetState state;
    state.servers.push_back({.replica = ReplicaId(port)});
    counts_.Fold("web", instance,
                 {{.name = "drv1",
                   .target = "10.0.0.1:" + std::to_string(port),
                   .requests = requests,
                   .errors = errors}},
                 Wanted({port}), state);
    errors_ = state.servers[0].errors_total;
    return state.servers[0].requests_total;
  }

  ServerCounts counts_;
  std::optional<uint64_t> errors_;
};

TEST_F(ServerCountsTest, WhatWasBeforeTheFirstReadIsNotCounted) {
  EXPECT_EQ(Read(20001, 100), 0u);
  EXPECT_EQ(Read(20001, 130, 7), 30u);
  EXPECT_EQ(errors_, 7u);
}

TEST_F(ServerCountsTest, TheNextReplicaOfASlotBeginsAtZero) {
  Read(20001, 100);
  EXPECT_EQ(Read(20001, 130), 30u);
  EXPECT_EQ(Read(20002, 135), 5u);  // given to it between the two reads
  EXPECT_EQ(Read(20001, 136), 1u);  // the one before left the set, and is another one now
}

TEST_F(ServerCountsTest, GoesOnOverARestartOfTheBalancer) {
  Read(20001, 100);
  EXPECT_EQ(Read(20001, 130), 30u);
  EXPECT_EQ(Read(20001, 150, 0, /*instance=*/2), 180u);  // the new process counted from zero
  EXPECT_EQ(Read(20001, 10, 0, /*instance=*/2), 180u);   // cleared by hand
  EXPECT_EQ(Read(20001, 11, 0, /*instance=*/2), 181u);
}

TEST_F(ServerCountsTest, ASlotThatCameLaterCountsFromZero) {
  Read(20001, 100);
  EdgeSetState state;
  state.servers.push_back({.replica = ReplicaId(20002)});
  counts_.Fold("web", 1, {{.name = "drv2", .target = "10.0.0.1:20002", .requests = 4, .errors = 1}},
               Wanted({20002}), state);
  EXPECT_EQ(state.servers[0].requests_total, 4u);
  EXPECT_EQ(state.servers[0].errors_total, 1u);
}

}  // namespace
}  // namespace drover::agent
