// Requests that wait in HAProxy for a first replica.
#include <atomic>
#include <chrono>
#include <thread>

#include "gtest/gtest.h"
#include "tests/contract/edge/edge_contract.h"
#include "tests/contract/edge/http_load.h"

namespace drover::agent {
namespace {

using drover::testing::Fetch;
using drover::testing::HttpBackend;

class HoldTest : public EdgeFixture {
 protected:
  HoldTest() : EdgeFixture(HaproxyAdapter()) {}

  // Reconciles until so many requests are kept waiting; the number read last.
  int64_t AwaitHeld(int64_t count) {
    for (int i = 0; i < 400 && last_.sets.front().held.value_or(0) != count; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      last_ = edge_->Reconcile(ContractNow());
    }
    return last_.sets.front().held.value_or(-1);
  }
};

TEST_F(HoldTest, RequestsWaitForTheFirstReplica) {
  HttpBackend a;
  set_.hold = absl::Seconds(20);
  set_.max_held = 100;
  Apply({});
  std::vector<std::thread> clients;
  for (int i = 0; i < 100; ++i) {
    clients.emplace_back([&] { EXPECT_EQ(Fetch(port()), 200); });
  }
  EXPECT_EQ(AwaitHeld(100), 100);
  EXPECT_EQ(last_.sets.front().queued, 0);
  Apply({To(a)});
  for (std::thread& client : clients) {
    client.join();
  }
  EXPECT_EQ(a.served(), 100u);
  EXPECT_EQ(AwaitHeld(0), 0);
}

TEST_F(HoldTest, HowManyWaitAndHowLongIsBounded) {
  set_.hold = absl::Milliseconds(300);
  set_.max_held = 1;
  Apply({});
  int first = 0;
  std::thread client([&] { first = Fetch(port()); });
  EXPECT_EQ(AwaitHeld(1), 1);
  EXPECT_EQ(Fetch(port()), 503) << "one too many";
  client.join();
  EXPECT_EQ(first, 503) << "too late";
  EXPECT_EQ(AwaitHeld(0), 0);
}

TEST_F(HoldTest, PlainConnectionsWaitToo) {
  HttpBackend a;
  set_.http = false;
  set_.hold = absl::Seconds(20);
  set_.max_held = 2;
  Apply({});
  std::thread client([&] { EXPECT_EQ(Fetch(port()), 200); });
  EXPECT_EQ(AwaitHeld(1), 1);
  Apply({To(a)});
  client.join();
}

// The old worker of a reload would keep them waiting in vain.
TEST_F(HoldTest, AReloadWaitsForRequestsThatWait) {
  HttpBackend a;
  set_.hold = absl::Seconds(20);
  set_.max_held = 10;
  Apply({});
  std::thread client([&] { EXPECT_EQ(Fetch(port()), 200); });
  EXPECT_EQ(AwaitHeld(1), 1);
  set_.slots = 9;
  Apply({});
  EXPECT_EQ(last_.reloads, 0u);
  Apply({To(a)});
  EXPECT_EQ(AwaitHeld(0), 0);
  client.join();
  last_ = edge_->Reconcile(ContractNow());
  EXPECT_EQ(last_.reloads, 1u);
  EXPECT_EQ(Fetch(port()), 200);
}

TEST_F(HoldTest, R4_4_TheFirstThatWaitsIsToldAtOnce) {
  set_.hold = absl::Seconds(20);
  set_.max_held = 10;
  std::atomic<int> told{0};
  edge_->OnHeld([&] { ++told; });
  Apply({});
  HttpBackend a;
  std::thread client([&] { EXPECT_EQ(Fetch(port()), 200); });
  for (int i = 0; i < 200 && told == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_GT(told, 0);
  Apply({To(a)});
  client.join();
}

// With nobody to tell, requests wait all the same, and a new agent finds them.
TEST_F(HoldTest, R6_4_RequestsWaitWithoutAnAgent) {
  HttpBackend a;
  set_.hold = absl::Seconds(20);
  set_.max_held = 10;
  Apply({});
  edge_.reset();
  std::thread client([&] { EXPECT_EQ(Fetch(port()), 200); });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  Make();
  last_ = edge_->Reconcile(ContractNow());
  EXPECT_EQ(AwaitHeld(1), 1);
  Apply({To(a)});
  client.join();
}

}  // namespace
}  // namespace drover::agent
