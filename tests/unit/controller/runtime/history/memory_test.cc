// What the engine remembers comes back from its message in every bit: the rule goes on as if nothing had
// been written and read.
#include "controller/runtime/history/memory.h"

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "controller/runtime/convert.h"
#include "controller/runtime/history/records.h"

namespace drover::controller {
namespace {

constexpr double kWave = 6.2831853 / 400;

// What the source knows, by what it tells.
enum class Source { kDepthOnly, kRunning, kCounters };

// Jobs that come in a wave with a burst now and then, on a service that does no more work beyond 15 replicas.
class Plant {
 public:
  explicit Plant(Source source) : source_(source) { spec_ = std::make_shared<AutoscaleSpec>(ToCore(Text())); }

  Evaluation Next() {
    ++second_;
    const double t = static_cast<double>(second_);
    const double rate = 4 + 3.7 * std::sin(t * kWave) + (second_ % 333 < 8 ? 20 : 0);
    const double busy = std::min(present_, static_cast<double>(ready_));
    const double done = std::min(busy / 3.1, 15 / 3.1);
    present_ += rate - done;
    arrivals_ += rate;
    completions_ += done;
    Evaluation evaluation;
    evaluation.id = static_cast<uint64_t>(second_);
    evaluation.spec = spec_;
    evaluation.before = history_;
    evaluation.input = Input(t, busy);
    DecideResult result = Decide(evaluation.input, std::move(history_));
    result.decision.id = evaluation.id;
    history_ = std::move(result.history);
    ready_ = current_;
    current_ = result.decision.desired;
    evaluation.decision = std::make_shared<const Decision>(std::move(result.decision));
    return evaluation;
  }

  const ScalingHistory& history() const { return history_; }

 private:
  static v1::AutoscaleSpec Text() {
    v1::AutoscaleSpec spec;
    spec.set_min(1);
    spec.set_max(60);
    v1::QueueSignal& queue = *spec.add_signals()->mutable_queue();
    queue.set_queue("jobs");
    queue.mutable_max_wait()->set_seconds(12);
    return spec;
  }

  DecideInput Input(double t, double busy) const {
    DecideInput input;
    input.now = Instant::FromNanoseconds(1'000'000'000'000) + absl::Seconds(t);
    input.wall = absl::FromUnixSeconds(1'700'000'000) + absl::Seconds(t);
    input.service = {"shop", "thumbs"};
    input.spec = spec_.get();
    input.current = current_;
    input.ready = ready_;
    for (int64_t i = ready_; i < current_; ++i) {
      input.startups.push_back(absl::Milliseconds(4321 + 17 * i));
    }
    SignalInput signal;
    signal.age = absl::Milliseconds(137);
    signal.total = present_;
    signal.load = WaitingLoad{.waiting = present_ - busy};
    if (source_ != Source::kDepthOnly) {
      signal.load->running = busy;
      signal.load->oldest = absl::Nanoseconds(static_cast<int64_t>(1e8 * present_));
    }
    if (source_ == Source::kCounters) {
      signal.load->arrivals = arrivals_;
      signal.load->completions = completions_;
    }
    input.signals.push_back(std::move(signal));
    return input;
  }

  const Source source_;
  std::shared_ptr<const AutoscaleSpec> spec_;
  ScalingHistory history_;
  int64_t second_ = 0;
  int64_t current_ = 1;
  int64_t ready_ = 1;
  double present_ = 0;
  double arrivals_ = 0;
  double completions_ = 0;
};

class HistoryMemoryTest : public testing::TestWithParam<Source> {};

TEST_P(HistoryMemoryTest, R12_APromiseComesBackInEveryBit) {
  Plant plant(GetParam());
  bool limited = false;
  for (int64_t i = 0; i < 1500; ++i) {
    plant.Next();
    const v1::HistoryMemory written = ToProto(plant.history());
    ASSERT_EQ(written.promises_size(), 1);
    const v1::HistoryMemory again = ToProto(ToCore(written));
    ASSERT_EQ(again.SerializeAsString(), written.SerializeAsString()) << written.DebugString();
    // As the API streams it.
    std::string json;
    v1::HistoryMemory streamed;
    ASSERT_TRUE(google::protobuf::util::MessageToJsonString(written, &json).ok());
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &streamed).ok());
    ASSERT_EQ(streamed.SerializeAsString(), written.SerializeAsString()) << json;
    limited |= written.promises(0).throughput().has_limit();
  }
  EXPECT_EQ(limited, GetParam() == Source::kCounters);
}

// Whole records at odd moments, so that replaying begins in the middle of whatever is under way.
TEST_P(HistoryMemoryTest, R12_ReplayGoesOnFromAnyWholeRecord) {
  Plant plant(GetParam());
  HistoryEncoder encoder;
  HistoryDecoder decoder;
  Replayer replayer;
  bool scaled = false;
  for (int64_t i = 0; i < 1500; ++i) {
    if (i % 37 == 0) {
      encoder.BeginFile();
    }
    Evaluation made = plant.Next();
    if (i % 37 != 0) {
      made.before.reset();
    }
    v1::HistoryRecord record;
    ASSERT_TRUE(record.ParseFromString(encoder.Encode(made)->SerializeAsString()));
    const auto read = decoder.Decode(record);
    ASSERT_TRUE(read);
    if (record.evaluation().full()) {
      replayer.Forget();
    }
    const auto again = replayer.Next(read->evaluation);
    ASSERT_TRUE(again);
    ASSERT_EQ(ToProto(*again).SerializeAsString(), ToProto(*made.decision).SerializeAsString()) << i;
    ASSERT_EQ(read->evaluation.input.startups, made.input.startups);
    ASSERT_EQ(read->evaluation.input.signals[0].load, made.input.signals[0].load);
    scaled |= made.decision->desired > 10;
  }
  EXPECT_TRUE(scaled);
}

INSTANTIATE_TEST_SUITE_P(Sources, HistoryMemoryTest,
                         testing::Values(Source::kDepthOnly, Source::kRunning, Source::kCounters));

}  // namespace
}  // namespace drover::controller
