#include "controller/runtime/http/connection_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace drover::controller {
namespace {

TEST(ConnectionPoolTest, RunsWhatIsSubmitted) {
  std::atomic<int> ran = 0;
  {
    ConnectionPool pool({.threads = 4});
    for (int i = 0; i < 100; ++i) {
      pool.Submit([&] { ++ran; });
    }
  }
  EXPECT_EQ(ran, 100);
}

TEST(ConnectionPoolTest, R13_BeyondTheLimitRunsOnAThreadThatKnows) {
  ConnectionPool pool({.threads = 2, .overflow_threads = 1});
  std::latch release(1);
  std::latch held(2);
  for (int i = 0; i < 2; ++i) {
    pool.Submit([&] {
      EXPECT_FALSE(ConnectionPool::OnOverflowThread());
      held.count_down();
      release.wait();
    });
  }
  held.wait();
  EXPECT_EQ(pool.busy(), 2U);
  std::latch refused(3);
  for (int i = 0; i < 3; ++i) {
    pool.Submit([&] {
      EXPECT_TRUE(ConnectionPool::OnOverflowThread());
      refused.count_down();
    });
  }
  refused.wait();
  release.count_down();
}

TEST(ConnectionPoolTest, AFullOverflowHoldsTheCallerBack) {
  ConnectionPool pool({.threads = 1, .overflow_threads = 1, .overflow_queue = 0});
  std::latch release(1);
  std::latch held(2);
  for (int i = 0; i < 2; ++i) {
    pool.Submit([&] {
      held.count_down();
      release.wait();
    });
  }
  held.wait();
  const auto caller = std::this_thread::get_id();
  std::thread::id ran_on;
  pool.Submit([&] { ran_on = std::this_thread::get_id(); });
  EXPECT_EQ(ran_on, caller);
  EXPECT_FALSE(ConnectionPool::OnOverflowThread());
  release.count_down();
}

TEST(ConnectionPoolTest, ThreadsAreUsedAgain) {
  ConnectionPool pool({.threads = 8});
  for (int i = 0; i < 50; ++i) {
    std::latch done(1);
    pool.Submit([&] { done.count_down(); });
    done.wait();
  }
  // Never more at work than were submitted at a time.
  EXPECT_LE(pool.busy(), 1U);
}

}  // namespace
}  // namespace drover::controller
