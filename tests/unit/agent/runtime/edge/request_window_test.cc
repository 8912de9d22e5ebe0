#include "agent/runtime/edge/request_window.h"

#include "agent/runtime/edge/haproxy/expected_lines.h"
#include "gtest/gtest.h"

namespace drover::agent {
namespace {

Instant After(double seconds) { return Instant::FromNanoseconds(1'000'000'000'000) + absl::Seconds(seconds); }

RequestLine Took(const std::string& backend, Duration replica, Duration wait = absl::ZeroDuration()) {
  return {.backend = backend, .times = RequestLine::Times{.answered = replica + wait, .replica = replica}};
}

TEST(RequestWindowTest, IsTheLastTenSeconds) {
  RequestWindow window;
  window.Expect({"web"});
  EXPECT_FALSE(window.Times("web", After(0))) << "nothing heard";
  for (int i = 0; i < 20; ++i) {
    window.Hear(Took("web", absl::Milliseconds(10), absl::Milliseconds(90)), After(i + 0.5));
    window.Hear(Took("other", absl::Milliseconds(10)), After(i + 0.5));
  }
  const std::optional<RequestTimes> times = window.Times("web", After(19.9));
  ASSERT_TRUE(times);
  EXPECT_EQ(times->answered.samples(), 10);
  EXPECT_EQ(times->replica.samples(), 10);
  EXPECT_EQ(DurationHistogram::BucketOf(*times->answered.Quantile(0.5)),
            DurationHistogram::BucketOf(absl::Milliseconds(100)));
  EXPECT_EQ(window.Times("web", After(24.9))->answered.samples(), 5);
  EXPECT_EQ(window.Times("web", After(60))->answered.samples(), 0) << "known, and nothing";
  EXPECT_FALSE(window.Times("other", After(19.9)));
  window.Expect({"web", "other"});
  EXPECT_EQ(window.Times("web", After(19.9))->answered.samples(), 10);
  window.Expect({});
  EXPECT_FALSE(window.Times("web", After(19.9)));
}

TEST(RequestWindowTest, FiveHundredLinesASecondCount) {
  RequestWindow window;
  window.Expect({"a", "b"});
  for (int i = 0; i < 600; ++i) {
    window.Hear(Took(i % 2 == 0 ? "a" : "b", absl::Milliseconds(10)), After(0.1));
  }
  EXPECT_EQ(window.Times("a", After(0.5))->answered.samples(), 250);
  EXPECT_EQ(window.Times("a", After(0.5))->dropped, 50u);
  EXPECT_EQ(window.Heard("b"), 300u);
  window.Hear(Took("a", absl::Milliseconds(10)), After(1.1));
  EXPECT_EQ(window.Times("a", After(1.5))->answered.samples(), 251);
}

TEST(ExpectedLinesTest, ALineThatIsNotWrittenIsMissedByItsRequest) {
  ExpectedLines lines;
  EXPECT_TRUE(lines.Writes("web", 0, 100, After(0))) << "nothing came since";
  EXPECT_TRUE(lines.Writes("web", 0, 100, After(60)));
  EXPECT_TRUE(lines.Writes("web", 0, 101, After(61))) << "its line may be on the way";
  EXPECT_FALSE(lines.Writes("web", 0, 101, After(63)));
  EXPECT_FALSE(lines.Writes("web", 0, 500, After(64)));
  EXPECT_TRUE(lines.Writes("web", 1, 501, After(65)));
  EXPECT_TRUE(lines.Writes("web", 1, 1501, After(75))) << "a sample";
  EXPECT_TRUE(lines.Writes("web", 1, 1502, After(76)));
  EXPECT_FALSE(lines.Writes("web", 1, 1600, After(78))) << "the line was taken out";
}

TEST(ExpectedLinesTest, AnotherProcessCountsAnew) {
  ExpectedLines lines;
  lines.Writes("web", 0, 100, After(0));
  lines.Writes("web", 0, 200, After(1));
  EXPECT_FALSE(lines.Writes("web", 0, 200, After(5)));
  EXPECT_TRUE(lines.Writes("web", 0, 3, After(6)));
  lines.Keep({});
  EXPECT_TRUE(lines.Writes("web", 0, 900, After(7)));
}

}  // namespace
}  // namespace drover::agent
