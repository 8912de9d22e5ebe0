#include "controller/runtime/history/at.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/controller/runtime/history/recorded.h"

namespace drover::controller {
namespace {

using ::testing::HasSubstr;

TEST(HistoryAtTest, FindsEveryDecisionAgain) {
  FileHistory::Options options;
  options.segment_bytes = 20'000;
  RecordedRun run(options);
  run.Pass(200);
  const auto& made = run.made(kWeb);
  for (size_t i = 0; i < made.size(); i += 7) {
    const auto past = DecisionAt(run.history(), kWeb, made[i].input.wall);
    ASSERT_TRUE(past.ok()) << past.status();
    // Several evaluations may fall on one instant; the last of them was in force.
    size_t last = i;
    while (last + 1 < made.size() && made[last + 1].input.wall == made[i].input.wall) {
      ++last;
    }
    Decision bare = past->decision;
    bare.choices.clear();
    bare.blocked.clear();
    EXPECT_EQ(Bytes(bare), Bytes(*made[last].decision));
    EXPECT_EQ(past->note, "");
    EXPECT_EQ(past->spec->max, 20);
  }
}

TEST(HistoryAtTest, TellsTheLastChangeWithItsReplicasAndTheEvents) {
  RecordedRun run;
  run.Pass(100);
  const auto past = DecisionAt(run.history(), kThumbs, run.cluster().wall());
  ASSERT_TRUE(past.ok()) << past.status();
  ASSERT_TRUE(past->last_change);
  EXPECT_NE(past->last_change->desired, past->last_change->current);
  EXPECT_FALSE(past->last_change->choices.empty()) << ToText(*past->last_change);
  EXPECT_EQ(past->events.size(), 10U);
}

TEST(HistoryAtTest, ATimeBeforeWhatIsKeptNamesTheEarliest) {
  RecordedRun run;
  run.Pass(10);
  run.history().Settle();
  const auto kept = run.history().kept();
  const auto past = DecisionAt(run.history(), kWeb, run.cluster().wall() - absl::Hours(1));
  EXPECT_TRUE(absl::IsNotFound(past.status()));
  EXPECT_THAT(std::string(past.status().message()),
              HasSubstr("is before what is kept; the history begins at " + TimeText(*kept.earliest)));
  const auto other = DecisionAt(run.history(), {"shop", "db"}, run.cluster().wall());
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("nothing had been decided about shop/db"));
}

TEST(HistoryAtTest, AThinnedTimeSaysSo) {
  FileHistory::Options options;
  options.segment_span = absl::Minutes(1);
  options.full_for = absl::Minutes(2);
  options.flush_interval = absl::Milliseconds(1);
  RecordedRun run(options);
  for (int i = 0; i < 36; ++i) {
    run.Pass(10);
    run.history().Settle();
  }
  const absl::Time at = run.cluster().wall() - absl::Minutes(5);
  const auto past = DecisionAt(run.history(), kThumbs, at);
  ASSERT_TRUE(past.ok()) << past.status();
  EXPECT_THAT(past->note, HasSubstr("only means of 10 s are kept"));
  const Evaluation* in_force = nullptr;
  for (const Evaluation& evaluation : run.made(kThumbs)) {
    if (evaluation.input.wall <= at) {
      in_force = &evaluation;
    }
  }
  EXPECT_EQ(past->decision.desired, in_force->decision->desired);
  EXPECT_EQ(past->decision.reason, in_force->decision->reason);
}

TEST(HistoryAtTest, TimesOfThePast) {
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  EXPECT_EQ(*ParsePastTime("10m", now), now - absl::Minutes(10));
  EXPECT_EQ(*ParsePastTime("1h30m", now), now - absl::Minutes(90));
  EXPECT_EQ(*ParsePastTime("7d", now), now - absl::Hours(168));
  EXPECT_EQ(*ParsePastTime("2027-01-15T07:00:00Z", now), now - absl::Hours(1));
  EXPECT_EQ(*ParsePastTime("2027-01-15T09:30:00+02:00", now), now - absl::Minutes(30));
  for (const char* wrong : {"", "soon", "-10m", "2027-01-16T07:00:00Z", "d", "99999999d"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParsePastTime(wrong, now).status())) << wrong;
  }
}

}  // namespace
}  // namespace drover::controller
