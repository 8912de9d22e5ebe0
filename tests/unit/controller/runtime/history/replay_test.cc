// R12: what was recorded, replayed, gives the same decisions in every byte.
#include <gtest/gtest.h>

#include "tests/unit/controller/runtime/history/recorded.h"

namespace drover::controller {
namespace {

void ExpectSame(const std::vector<Evaluation>& made, const std::vector<HistoryDecoder::Decoded>& read) {
  ASSERT_EQ(read.size(), made.size());
  std::vector<Evaluation> evaluations;
  for (const HistoryDecoder::Decoded& decoded : read) {
    evaluations.push_back(decoded.evaluation);
  }
  const std::vector<Decision> again = Replay(evaluations);
  ASSERT_EQ(again.size(), made.size());
  for (size_t i = 0; i < made.size(); ++i) {
    ASSERT_EQ(Bytes(again[i]), Bytes(*made[i].decision)) << ToText(again[i]) << "\nmade:\n"
                                                         << ToText(*made[i].decision);
    EXPECT_EQ(DecisionSum(again[i]), read[i].sum);
  }
}

TEST(HistoryReplayTest, R12_ByteEqualOverManySegmentsAndHands) {
  FileHistory::Options options;
  options.segment_bytes = 20'000;
  RecordedRun run(options);
  run.Pass(200);
  CoreCluster& cluster = run.cluster();
  cluster.Step(
      PauseService{cluster.now(), cluster.wall(), RequestId(2), kWeb, absl::Seconds(30), false, "", "eve"});
  run.Pass(60);
  cluster.Step(ScaleService{cluster.now(), cluster.wall(), RequestId(3), kThumbs, 7, absl::Seconds(20), false,
                            "", "eve"});
  run.Pass(60);
  cluster.Step(PauseService{cluster.now(), cluster.wall(), RequestId(4), kWeb, {}, true, "", "eve"});
  run.Pass(100);
  cluster.agent("a").speaks = false;
  run.Pass(20);
  cluster.Disconnect(cluster.agent("a"));
  cluster.Connect(cluster.agent("a"));
  run.Pass(300);
  for (const ServiceKey& service : {kWeb, kThumbs, kApi}) {
    ASSERT_GT(run.made(service).size(), 500U);
    ExpectSame(run.made(service), run.ReadBack(service, absl::InfinitePast()));
  }
  EXPECT_GT(std::distance(std::filesystem::directory_iterator(run.directory()), {}), 3);
}

TEST(HistoryReplayTest, R12_ByteEqualForEveryFamilyOfRules) {
  for (const char* policy : {"hpa", "kpa", "keda", "max_wait"}) {
    SCOPED_TRACE(policy);
    FileHistory::Options options;
    options.segment_bytes = 20'000;
    RecordedRun run(options, policy);
    run.Pass(400);
    ASSERT_GT(run.made(kThumbs).size(), 300U);
    const std::vector<Evaluation>& made = run.made(kThumbs);
    const auto whole = std::find_if(made.rbegin(), made.rend(), [](const auto& e) { return e.before; });
    ASSERT_NE(whole, made.rend());
    EXPECT_EQ(whole->before->promises.size(), policy == std::string("max_wait") ? 1U : 0U);
    ExpectSame(run.made(kThumbs), run.ReadBack(kThumbs, absl::InfinitePast()));
    ExpectSame(run.made(kWeb), run.ReadBack(kWeb, absl::InfinitePast()));
    ASSERT_GT(run.made(kApi).size(), 300U);
    ExpectSame(run.made(kApi), run.ReadBack(kApi, absl::InfinitePast()));
  }
}

// What the balancer says is there whole, in part and not at all, and the promise learns from its counters.
TEST(HistoryReplayTest, R12_ByteEqualByWhatTheBalancerSays) {
  for (const char* policy : {"drover", "max_wait"}) {
    SCOPED_TRACE(policy);
    RecordedRun run({}, policy);
    run.Pass(400);
    std::map<bool, int> known;
    bool counted = false;
    for (const Evaluation& evaluation : run.made(kApi)) {
      ++known[evaluation.input.signals[0].total.has_value()];
      counted |= evaluation.input.signals[0].load && evaluation.input.signals[0].load->completions;
    }
    EXPECT_GT(known[true], 200);
    EXPECT_GT(known[false], 5);
    EXPECT_EQ(counted, policy == std::string("max_wait"));
    ExpectSame(run.made(kApi), run.ReadBack(kApi, absl::InfinitePast()));
  }
}

TEST(HistoryReplayTest, R12_GoesOnAfterARestartOfTheController) {
  RecordedRun run;
  run.Pass(120);
  run.cluster().Restart();
  run.cluster().Connect(run.cluster().agent("a"));
  run.Pass(120);
  ExpectSame(run.made(kThumbs), run.ReadBack(kThumbs, absl::InfinitePast()));
}

TEST(HistoryReplayTest, BeginsAtTheLastWholeStateBeforeTheTimeAskedFor) {
  FileHistory::Options options;
  options.segment_bytes = 8'000;
  RecordedRun run(options);
  run.Pass(300);
  run.history().Settle();
  const auto& made = run.made(kWeb);
  const absl::Time from = made[made.size() - 10].input.wall;
  const auto read = run.ReadBack(kWeb, from);
  ASSERT_FALSE(read.empty());
  EXPECT_LE(read.front().evaluation.input.wall, from);
  EXPECT_LT(read.size(), made.size());
  ExpectSame({made.end() - static_cast<std::ptrdiff_t>(read.size()), made.end()}, read);
}

TEST(HistoryReplayTest, OnlyWhatChangedIsWritten) {
  RecordedRun run;
  run.Pass(600);
  run.history().Settle();
  const auto stats = run.history().stats();
  EXPECT_EQ(stats.dropped, 0U);
  EXPECT_LT(stats.bytes, 400 * static_cast<int64_t>(stats.records));
}

TEST(HistoryReplayTest, AFullQueueDropsAndTheNextBeginsAnew) {
  FileHistory::Options options;
  options.queue_limit = 20;
  RecordedRun run(options);
  run.Pass(60);
  run.history().Settle();
  run.Pass(5);
  EXPECT_GT(run.history().stats().dropped, 0U);
  const auto read = run.ReadBack(kWeb, absl::InfinitePast());
  ASSERT_FALSE(read.empty());
  bool gap = false;
  Replayer replayer;
  for (const auto& decoded : read) {
    gap |= decoded.gap;
    const auto decision = replayer.Next(decoded.evaluation);
    ASSERT_TRUE(decision);
    EXPECT_EQ(DecisionSum(*decision), decoded.sum);
  }
  EXPECT_TRUE(gap);
}

}  // namespace
}  // namespace drover::controller
