// The loop around a scripted core: what is done in which order, and what happens when the store fails.
#include "controller/runtime/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace drover::controller {
namespace {

using ::testing::ElementsAre;

// What the scripted core saw and gives.
struct Script {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Event> stepped;
  std::deque<Ready> readies;
  int taken = 0;
  // Called in Step, with the mutex held.
  std::function<void(const Event&)> on_step;

  template <typename T>
  size_t Count() {
    size_t count = 0;
    for (const Event& event : stepped) {
      count += std::holds_alternative<T>(event) ? 1 : 0;
    }
    return count;
  }

  bool Wait(const std::function<bool()>& until) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), until);
  }
};

Script* script = nullptr;

}  // namespace

class Core::Impl {};

Core::Core(const CoreOptions&, const StoredState&, const CoreStart&) {}

Core::~Core() = default;

void Core::Step(const Event& event) {
  const std::lock_guard lock(script->mutex);
  script->stepped.push_back(event);
  if (script->on_step) {
    script->on_step(event);
  }
  script->changed.notify_all();
}

Ready Core::TakeReady() {
  const std::lock_guard lock(script->mutex);
  ++script->taken;
  script->changed.notify_all();
  if (script->readies.empty()) {
    return {};
  }
  Ready ready = std::move(script->readies.front());
  script->readies.pop_front();
  return ready;
}

namespace {

class FakeStore : public StateStore {
 public:
  absl::StatusOr<Opened> Open() override { return Opened{}; }

  absl::Status Commit(const std::vector<StoreChange>& changes) override {
    std::unique_lock lock(script->mutex);
    ++attempts;
    script->changed.notify_all();
    script->changed.wait(lock, [this] { return !hold; });
    if (failure.ok()) {
      committed.push_back(changes.size());
      log.push_back("commit");
    }
    return failure;
  }

  // Guarded by the script's mutex.
  absl::Status failure;
  int attempts = 0;
  bool hold = false;  // Commit does not return while it is set
  std::vector<size_t> committed;
  std::vector<std::string> log;
};

class LoopTest : public ::testing::Test {
 protected:
  void SetUp() override { script = &script_; }

  std::unique_ptr<Loop> MakeLoop(Loop::Options options = {}) {
    options.send = [this](Order order) {
      const std::lock_guard lock(script_.mutex);
      store_.log.push_back("send " + order.node.value());
      script_.changed.notify_all();
    };
    return std::make_unique<Loop>(std::move(options), &store_, StateStore::Opened{}, 1);
  }

  // The Ready that the core gives after the next `Event` of type T.
  template <typename T>
  void ReadyAfter(Ready ready) {
    auto shared = std::make_shared<Ready>(std::move(ready));
    const std::lock_guard lock(script_.mutex);
    script_.on_step = [this, shared](const Event& event) {
      if (std::holds_alternative<T>(event) && shared) {
        Ready now = *shared;
        if constexpr (std::is_same_v<T, ScaleService>) {
          Reply reply;
          reply.request = std::get<ScaleService>(event).request;
          reply.message = "scaled";
          now.replies.push_back(std::move(reply));
        }
        script_.readies.push_back(std::move(now));
      }
    };
  }

  static Ready WithChange() {
    Ready ready;
    ready.changes.emplace_back(DeleteNode{NodeId("n")});
    ready.orders.push_back(Order{.node = NodeId("a"), .stream = StreamId(1), .body = Welcome{}});
    auto view = std::make_shared<View>();
    view->ready = true;
    ready.view = view;
    return ready;
  }

  static std::shared_ptr<const View> WaitReadiness(const Loop& loop, bool ready) {
    std::shared_ptr<const View> view = loop.view();
    for (int i = 0; i < 100 && view->ready != ready; ++i) {
      view = loop.WaitView(view.get(), absl::Seconds(1));
    }
    return view;
  }

  Script script_;
  FakeStore store_;
};

TEST_F(LoopTest, R1_8_OrdersLeaveOnlyAfterTheirRecordIsDurable) {
  ReadyAfter<NeedFull>(WithChange());
  const auto loop = MakeLoop();
  loop->Post(NeedFull{});
  ASSERT_TRUE(script_.Wait([&] { return store_.log.size() == 2; }));
  EXPECT_THAT(store_.log, ElementsAre("commit", "send a"));
}

TEST_F(LoopTest, CallReturnsTheReplyToItsOwnRequest) {
  ReadyAfter<ScaleService>({});
  const auto loop = MakeLoop();
  const auto reply = loop->Call(ScaleService{}, absl::Seconds(20));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->message, "scaled");
}

TEST_F(LoopTest, CallWithoutAnswerEndsAtItsDeadline) {
  const auto loop = MakeLoop();
  const auto reply = loop->Call(ScaleService{}, absl::Milliseconds(1));
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(LoopTest, R1_8_FailingStoreKeepsTheReadyAndTakesNoOther) {
  ReadyAfter<NeedFull>(WithChange());
  store_.failure = absl::ResourceExhaustedError("state.db: disk is full");
  const auto loop = MakeLoop();
  loop->Post(NeedFull{});
  ASSERT_TRUE(script_.Wait([&] { return script_.Count<StoreHealth>() == 1; }));
  int taken = 0;
  {
    const std::lock_guard lock(script_.mutex);
    taken = script_.taken;
  }
  // Reports still reach the core.
  loop->Post(NodeReport{});
  ASSERT_TRUE(script_.Wait([&] { return script_.Count<NodeReport>() == 1; }));
  ASSERT_TRUE(script_.Wait([&] { return store_.attempts >= 2; }));
  const std::lock_guard lock(script_.mutex);
  EXPECT_EQ(script_.taken, taken);
  EXPECT_TRUE(store_.log.empty());
}

TEST_F(LoopTest, R1_8_FailingStoreWithdrawsReadinessAndRefusesChangesWithTheReason) {
  ReadyAfter<NeedFull>(WithChange());
  store_.failure = absl::ResourceExhaustedError("state.db: disk is full");
  const auto loop = MakeLoop();
  loop->Post(NeedFull{});
  ASSERT_TRUE(script_.Wait([&] { return store_.attempts >= 2; }));
  EXPECT_FALSE(loop->view()->ready);
  EXPECT_THAT(loop->view()->not_ready_reason, ::testing::HasSubstr("disk is full"));
  const auto reply = loop->Call(ScaleService{}, absl::Seconds(20));
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(reply.status().message()), ::testing::HasSubstr("disk is full"));
}

TEST_F(LoopTest, R1_8_RecoveryCarriesTheKeptReadyOutWithoutRestart) {
  ReadyAfter<NeedFull>(WithChange());
  store_.failure = absl::UnavailableError("I/O error");
  const auto loop = MakeLoop();
  loop->Post(NeedFull{});
  ASSERT_TRUE(script_.Wait([&] { return store_.attempts >= 2; }));
  {
    const std::lock_guard lock(script_.mutex);
    store_.failure = absl::OkStatus();
  }
  ASSERT_TRUE(script_.Wait([&] { return store_.log.size() == 2; }));
  EXPECT_THAT(store_.log, ElementsAre("commit", "send a"));
  EXPECT_TRUE(WaitReadiness(*loop, true)->ready);
  const std::lock_guard lock(script_.mutex);
  ASSERT_EQ(script_.Count<StoreHealth>(), 2U);
}

TEST_F(LoopTest, R2_4_TickComesAfterWhatWasQueued) {
  Ready ready = WithChange();
  ready.wake_at = Now();
  ReadyAfter<NeedFull>(std::move(ready));
  store_.hold = true;
  const auto loop = MakeLoop();
  loop->Post(NeedFull{});
  // The loop is kept in Commit: when it goes on, a tick is due and a report is waiting.
  ASSERT_TRUE(script_.Wait([&] { return store_.attempts == 1; }));
  loop->Post(NodeReport{});
  {
    const std::lock_guard lock(script_.mutex);
    script_.stepped.clear();
    store_.hold = false;
    script_.changed.notify_all();
  }
  ASSERT_TRUE(script_.Wait([&] { return script_.stepped.size() >= 2; }));
  const std::lock_guard lock(script_.mutex);
  EXPECT_TRUE(std::holds_alternative<NodeReport>(script_.stepped[0]));
  EXPECT_TRUE(std::holds_alternative<Tick>(script_.stepped[1]));
}

TEST_F(LoopTest, WakeAtBringsATick) {
  Ready ready;
  ready.wake_at = Now() + absl::Milliseconds(5);
  ReadyAfter<NeedFull>(ready);
  const auto loop = MakeLoop();
  ASSERT_TRUE(script_.Wait([&] { return script_.Count<Tick>() >= 1; }));
  size_t before = 0;
  {
    const std::lock_guard lock(script_.mutex);
    before = script_.Count<Tick>();
  }
  const Instant posted = Now();
  loop->Post(NeedFull{});
  ASSERT_TRUE(script_.Wait([&] { return script_.Count<Tick>() > before; }));
  EXPECT_LT(Now() - posted, absl::Milliseconds(900));
}

TEST_F(LoopTest, EventsAreKeptUpToTheLimitAndReadFromAnId) {
  Ready ready;
  for (uint64_t id = 1; id <= 5; ++id) {
    EventRecord event;
    event.id = id;
    ready.events.push_back(event);
  }
  ReadyAfter<NeedFull>(ready);
  Loop::Options options;
  options.events_kept = 3;
  const auto loop = MakeLoop(options);
  loop->Post(NeedFull{});
  const auto events = loop->Events(0, 10, absl::Seconds(20));
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events.front().id, 3U);
  EXPECT_EQ(loop->Events(3, 1, absl::ZeroDuration()).front().id, 4U);
  EXPECT_TRUE(loop->Events(5, 10, absl::ZeroDuration()).empty());
}

TEST_F(LoopTest, PostBlocksWhileTheQueueIsFull) {
  Loop::Options options;
  options.queue_limit = 1;
  const auto loop = MakeLoop(options);
  for (int i = 0; i < 100; ++i) {
    loop->Post(NeedFull{});
  }
  ASSERT_TRUE(script_.Wait([&] { return script_.Count<NeedFull>() == 100; }));
}

TEST_F(LoopTest, QuietEventsAreTakenTogetherAndAnUrgentOneBringsThemAlong) {
  Loop::Options options;
  options.quiet_interval = absl::Seconds(20);
  const auto loop = MakeLoop(options);
  loop->Post(NodeReport{}, /*quiet=*/true);
  ASSERT_TRUE(script_.Wait([&] { return script_.Count<NodeReport>() == 1; }));
  const Instant posted = Now();
  for (int i = 0; i < 1000; ++i) {
    loop->Post(NodeReport{}, /*quiet=*/true);
  }
  loop->Post(NeedFull{});
  ASSERT_TRUE(script_.Wait([&] { return script_.Count<NeedFull>() == 1; }));
  // Beside the first one and the urgent one only ticks, one a second, look at the queue.
  const int64_t ticks = absl::ToInt64Seconds(Now() - posted) + 2;
  const std::lock_guard lock(script_.mutex);
  EXPECT_EQ(script_.Count<NodeReport>(), 1001U);
  EXPECT_LE(script_.taken, 2 + ticks);
}

TEST_F(LoopTest, EndFinishesWhatWasPosted) {
  ReadyAfter<NeedFull>(WithChange());
  auto loop = MakeLoop();
  loop->Post(NeedFull{});
  loop.reset();
  EXPECT_THAT(store_.log, ElementsAre("commit", "send a"));
}

}  // namespace
}  // namespace drover::controller
