// How a queue's value reaches the decision: known with its age, or unknown with the reason (R4).
#include "controller/core/signals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <utility>

#include "tests/unit/controller/core/model_builder.h"

namespace drover::controller {
namespace {

using testing::HasSubstr;

class QueueSignalTest : public testing::Test {
 protected:
  QueueSignalTest() : probes_(builder_.model()) {
    ServiceSpec worker = ModelBuilder::Spec("worker");
    worker.autoscale = AutoscaleSpec();
    worker.autoscale->min = 0;
    worker.autoscale->max = 10;
    worker.autoscale->signals.push_back({.kind = SignalSpec::Kind::kQueue, .queue = "q", .target = 5});
    service_ = &builder_.AddService(worker);
    node_ = &builder_.AddNode("n1");
  }

  Model& model() { return builder_.model(); }

  void Pass(Duration duration) { model().now = model().now + duration; }

  void Declare(const QueueSpec& queue) {
    model().stacks.at("shop").record.spec.queues = {queue};
    model().ReviewQueue("shop", queue.name);
    std::vector<Order> orders;
    probes_.Review(orders);
  }

  static QueueSpec Pushed() {
    QueueSpec queue;
    queue.name = "q";
    queue.pushed = "emails";
    queue.stale_after = absl::Seconds(30);
    return queue;
  }

  static QueueSpec Measured(Duration interval, Duration timeout) {
    QueueSpec queue;
    queue.name = "q";
    queue.probe = "p";
    queue.interval = interval;
    queue.timeout = timeout;
    return queue;
  }

  Reply Push(const std::string& stack, const std::string& name, double value) {
    PushMetric event;
    event.now = model().now;
    event.stack = stack;
    event.name = name;
    event.value = value;
    event.unit = "mails";
    return probes_.Push(event);
  }

  void Measure(const QueueReading& reading) {
    const QueueState* state = probes_.Find("shop", "q");
    NodeReport report;
    report.now = model().now;
    report.queues.push_back(reading);
    report.queues.back().probe = state->handle;
    report.queues.back().term = state->term;
    probes_.Fold(*node_, report, absl::ZeroDuration());
  }

  SignalInput Input() {
    next_.reset();
    return MakeSignals(model(), probes_, *service_, &next_).at(0);
  }

  ModelBuilder builder_;
  Probes probes_;
  Service* service_;
  Node* node_;
  std::optional<Instant> next_;
};

TEST_F(QueueSignalTest, R4_1_APushedValueIsBelievedUpToItsStaleAfter) {
  Declare(Pushed());
  EXPECT_THAT(Input().unknown_reason, HasSubstr("never pushed since the controller started"));
  service_->input_changed = false;
  const Reply reply = Push("shop", "emails", 0);
  ASSERT_TRUE(reply.status.ok());
  EXPECT_EQ(reply.message, "shop/emails is 0 mails");
  EXPECT_TRUE(service_->input_changed);
  EXPECT_EQ(Input().total, 0);
  Pass(absl::Seconds(30));
  EXPECT_EQ(Input().total, 0);
  EXPECT_EQ(Input().age, absl::Seconds(30));
  EXPECT_EQ(next_, model().now + absl::Milliseconds(1));
  Pass(absl::Milliseconds(1));
  EXPECT_FALSE(Input().total.has_value());
  EXPECT_THAT(Input().unknown_reason, HasSubstr("last pushed 30s ago; push it at least every 30s"));
  ASSERT_TRUE(Push("shop", "emails", 12).status.ok());
  EXPECT_EQ(Input().total, 12);
}

TEST_F(QueueSignalTest, OnlyDeclaredNamesCanBePushed) {
  Declare(Pushed());
  EXPECT_EQ(Push("other", "emails", 1).status.code(), absl::StatusCode::kNotFound);
  const Reply typo = Push("shop", "email", 1);
  EXPECT_EQ(typo.status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(typo.status.message()), HasSubstr("it has emails"));
  EXPECT_FALSE(Input().total.has_value());
}

TEST_F(QueueSignalTest, NoNodeIsAskedForWhatIsPushed) {
  Declare(Pushed());
  EXPECT_TRUE(probes_.Find("shop", "q")->primary.value().empty());
  Declare(Measured(absl::Seconds(1), absl::Seconds(1)));
  EXPECT_EQ(probes_.Find("shop", "q")->primary, NodeId("n1"));
}

TEST_F(QueueSignalTest, AQueueOfAnotherSourceForgetsTheOldValue) {
  Declare(Pushed());
  Push("shop", "emails", 12);
  Declare(Measured(absl::Seconds(1), absl::Seconds(1)));
  EXPECT_FALSE(Input().total.has_value());
  EXPECT_EQ(Input().unknown_reason, "not measured yet by n1");
}

TEST_F(QueueSignalTest, R4_1_WhatIsNoNumberIsUnknownAndNotZero) {
  Declare(Measured(absl::Seconds(5), absl::Seconds(2)));
  constexpr double kMost = std::numeric_limits<double>::max();
  for (const auto& [ready, held] : {std::pair(std::nan(""), 1.0), {1.0, std::nan("")}, {kMost, kMost}}) {
    QueueReading reading;
    reading.ready = ready;
    reading.held = held;
    Measure(reading);
    EXPECT_FALSE(Input().total.has_value()) << ready << " " << held;
    EXPECT_FALSE(Input().load.has_value());
    EXPECT_EQ(Input().unknown_reason, "n1 measured what is no number");
  }
}

TEST(StaleAtTest, IsAheadAlsoOfAgesWithoutEnd) {
  const Instant now = Instant::FromNanoseconds(1'000'000'000);
  EXPECT_EQ(StaleAt(now, absl::Seconds(1), absl::Seconds(3)), now + absl::Milliseconds(2001));
  const Duration age = now - Instant::FromNanoseconds(std::numeric_limits<int64_t>::min());
  EXPECT_GT(StaleAt(now, age, absl::InfiniteDuration()), now);
}

TEST_F(QueueSignalTest, R4_1_FreshnessFollowsTheIntervalOfTheSource) {
  Declare(Measured(absl::Seconds(5), absl::Seconds(2)));
  QueueReading reading;
  reading.ready = 7;
  reading.held = 2;
  Measure(reading);
  Pass(absl::Seconds(15));
  EXPECT_EQ(Input().total, 9);
  Pass(absl::Milliseconds(1));
  EXPECT_EQ(Input().unknown_reason, "last measured 15s ago by n1");
}

TEST_F(QueueSignalTest, R4_AnErrorIsUnknownInTheSourcesWordsHoweverOld) {
  Declare(Measured(absl::Milliseconds(100), absl::Seconds(1)));
  QueueReading reading;
  reading.error = "prometheus prom:9090: connection refused";
  Measure(reading);
  Pass(absl::Seconds(20));
  EXPECT_FALSE(Input().total.has_value());
  EXPECT_EQ(Input().unknown_reason, reading.error);
}

TEST_F(QueueSignalTest, AnExternalScalerDecidesAboutZeroAsInKeda) {
  Declare(Measured(absl::Seconds(1), absl::Seconds(1)));
  QueueReading reading;
  reading.ready = 7;
  reading.active = false;
  Measure(reading);
  EXPECT_EQ(Input().total, 0);
  reading.ready = 0;
  reading.active = true;
  Measure(reading);
  EXPECT_EQ(Input().total, 1);
  ServiceSpec kept = *service_->spec;
  kept.autoscale->min = 1;
  service_->spec = std::make_shared<const ServiceSpec>(kept);
  reading.ready = 7;
  reading.active = false;
  Measure(reading);
  EXPECT_EQ(Input().total, 7);
}

TEST_F(QueueSignalTest, R4_3_ASlowSourceHasItsTimeoutBeforeItsNodeCountsAsSilent) {
  builder_.AddNode("n2");
  Declare(Measured(absl::Seconds(1), absl::Seconds(10)));
  const NodeId first = probes_.Find("shop", "q")->primary;
  const auto review = [&] {
    model().ReviewQueue("shop", "q");
    std::vector<Order> orders;
    probes_.Review(orders);
    return probes_.Find("shop", "q")->primary;
  };
  Pass(absl::Seconds(10));
  EXPECT_EQ(review(), first);
  Pass(absl::Seconds(1));
  EXPECT_NE(review(), first);
}

}  // namespace
}  // namespace drover::controller
