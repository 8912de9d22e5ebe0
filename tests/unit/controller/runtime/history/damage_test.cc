// A disk that is full, and files that are damaged: nothing stops, what is missing is counted.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <fstream>

#include "tests/unit/controller/runtime/history/recorded.h"

namespace drover::controller {
namespace {

TEST(HistoryDamageTest, R12_DamagedRecordsAreSkippedAndReplayStaysRight) {
  FileHistory::Options options;
  options.segment_bytes = 20'000;
  RecordedRun run(options);
  run.Pass(300);
  run.history().Settle();
  for (const auto& entry : std::filesystem::directory_iterator(run.directory())) {
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(5000);
    file.write("damage", 6);
  }
  const auto read = run.ReadBack(kWeb, absl::InfinitePast());
  ASSERT_FALSE(read.empty());
  EXPECT_LT(read.size(), run.made(kWeb).size());
  EXPECT_GT(run.history().stats().damaged, 0U);
  Replayer replayer;
  for (const auto& decoded : read) {
    const auto decision = replayer.Next(decoded.evaluation);
    ASSERT_TRUE(decision);
    EXPECT_EQ(DecisionSum(*decision), decoded.sum);
  }
}

TEST(HistoryDamageTest, R12_ADirectoryThatCannotBeMadeStopsNothing) {
  FileHistory history({.directory = "/dev/null/history"});
  EventRecord event;
  event.reason = "Something";
  history.Record({}, {event});
  history.Settle();
  EXPECT_EQ(history.stats().dropped, 1U);
  EXPECT_GT(history.stats().failures, 0U);
  EXPECT_EQ(history.kept().earliest, std::nullopt);
}

TEST(HistoryDamageTest, R12_AFullDiskIsSurvivedAndWrittenAgainWhenThereIsRoom) {
  signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  FileHistory::Options options;
  options.retry_interval = absl::ZeroDuration();
  RecordedRun run(options);
  run.Pass(30);
  run.history().Settle();
  rlimit tight = before;
  tight.rlim_cur = 4096;
  setrlimit(RLIMIT_FSIZE, &tight);
  run.Pass(60);
  run.history().Settle();
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_GT(run.history().stats().failures, 0U);
  EXPECT_GT(run.history().stats().dropped, 0U);
  run.Pass(30);
  const auto read = run.ReadBack(kWeb, absl::InfinitePast());
  ASSERT_FALSE(read.empty());
  EXPECT_EQ(read.back().evaluation.id, run.made(kWeb).back().id);
  EXPECT_EQ(run.history().stats().damaged, 0U);
}

TEST(HistoryDamageTest, R12_NeverLargerThanAllowedTheOldestGoesFirst) {
  FileHistory::Options options;
  options.max_bytes = 60'000;
  RecordedRun run(options);
  const absl::Time start = run.cluster().wall();
  for (int i = 0; i < 240; ++i) {
    run.Pass(5);  // a new file begins a round after the writer has asked for it
    run.history().Settle();
    int64_t bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(run.directory())) {
      bytes += static_cast<int64_t>(entry.file_size());
    }
    EXPECT_LE(bytes, options.max_bytes);
    EXPECT_EQ(bytes, run.history().stats().bytes);
  }
  EXPECT_GT(*run.history().kept().earliest, start + absl::Minutes(5));
}

}  // namespace
}  // namespace drover::controller
