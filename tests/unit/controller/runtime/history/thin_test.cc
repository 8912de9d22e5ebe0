// R12: full resolution, then means of ten seconds, then nothing.
#include <gtest/gtest.h>

#include "tests/unit/controller/runtime/history/recorded.h"

namespace drover::controller {
namespace {

FileHistory::Options Short() {
  FileHistory::Options options;
  options.segment_span = absl::Minutes(1);
  options.full_for = absl::Minutes(5);
  options.keep = absl::Minutes(15);
  options.flush_interval = absl::Milliseconds(1);
  return options;
}

std::vector<v1::HistoryRecord> Records(FileHistory& history, const ServiceKey& service) {
  std::vector<v1::HistoryRecord> records;
  const auto cursor = history.Read(service, absl::InfinitePast(), absl::InfiniteFuture());
  while (const auto bytes = (*cursor)->Next()) {
    EXPECT_TRUE(records.emplace_back().ParseFromString(*bytes));
  }
  return records;
}

void PassSettled(RecordedRun& run, int minutes) {
  for (int i = 0; i < minutes * 6; ++i) {
    run.Pass(10);
    run.history().Settle();
  }
}

TEST(HistoryThinTest, R12_MeansOfTenSecondsAfterFullResolution) {
  RecordedRun run(Short());
  PassSettled(run, 12);
  const auto kept = run.history().kept();
  const absl::Time now = run.cluster().wall();
  ASSERT_TRUE(kept.full_from);
  EXPECT_GT(*kept.full_from, now - absl::Minutes(8));
  EXPECT_LE(*kept.full_from, now - absl::Minutes(5));
  std::map<int64_t, std::vector<const Evaluation*>> spans;
  for (const Evaluation& evaluation : run.made(kThumbs)) {
    spans[absl::ToUnixSeconds(evaluation.input.wall) / 10].push_back(&evaluation);
  }
  int compared = 0;
  for (const v1::HistoryRecord& record : Records(run.history(), kThumbs)) {
    if (!record.has_mean()) {
      continue;
    }
    const auto& evaluations = spans[record.wall_ns() / 10'000'000'000];
    // A span in which a segment ends is in two parts.
    if (record.mean().evaluations() != evaluations.size() || record.mean().signals(0).known() == 0) {
      continue;
    }
    double total = 0;
    uint32_t known = 0;
    for (const Evaluation* evaluation : evaluations) {
      known += evaluation->input.signals[0].total ? 1 : 0;
      total += evaluation->input.signals[0].total.value_or(0);
    }
    EXPECT_EQ(record.mean().signals(0).known(), known);
    EXPECT_DOUBLE_EQ(record.mean().signals(0).total(), total / known);
    ++compared;
  }
  EXPECT_GT(compared, 15);
}

TEST(HistoryThinTest, R12_ReplayGoesOnlyAsFarBackAsFullResolution) {
  RecordedRun run(Short());
  PassSettled(run, 12);
  const auto read = run.ReadBack(kThumbs, absl::InfinitePast());
  ASSERT_FALSE(read.empty());
  EXPECT_GE(read.front().evaluation.input.wall, *run.history().kept().full_from);
  Replayer replayer;
  for (const auto& decoded : read) {
    const auto decision = replayer.Next(decoded.evaluation);
    ASSERT_TRUE(decision);
    EXPECT_EQ(DecisionSum(*decision), decoded.sum);
  }
}

TEST(HistoryThinTest, R12_ChangesAndEventsStayWhenThinned) {
  RecordedRun run(Short());
  PassSettled(run, 12);
  std::set<uint64_t> ids;
  size_t events = 0;
  for (const v1::HistoryRecord& record : Records(run.history(), kThumbs)) {
    if (record.has_evaluation() && record.evaluation().has_decision()) {
      ids.insert(record.evaluation().id());
    }
    events += record.has_event() ? 1 : 0;
  }
  for (const Evaluation& evaluation : run.made(kThumbs)) {
    if (evaluation.decision->desired != evaluation.decision->current) {
      EXPECT_TRUE(ids.contains(evaluation.id));
    }
  }
  EXPECT_GT(events, 10U);
}

TEST(HistoryThinTest, R12_NothingIsKeptLongerThanAskedFor) {
  RecordedRun run(Short());
  PassSettled(run, 20);
  EXPECT_GT(*run.history().kept().earliest, run.cluster().wall() - absl::Minutes(18));
}

}  // namespace
}  // namespace drover::controller
