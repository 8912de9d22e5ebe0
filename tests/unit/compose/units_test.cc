#include "compose/units.h"

#include <gtest/gtest.h>

namespace drover::compose {
namespace {

TEST(UnitsTest, Durations) {
  EXPECT_EQ(*ParseDuration("1h5m30s20ms"), absl::Milliseconds(3930020));
  EXPECT_EQ(*ParseDuration("2.5s"), absl::Milliseconds(2500));
  EXPECT_EQ(*ParseDuration("10us"), absl::Microseconds(10));
  EXPECT_EQ(*ParseDuration("1d"), absl::Hours(24));
  EXPECT_EQ(*ParseDuration("0"), absl::ZeroDuration());
  for (const char* bad : {"", "30", "s", "-1s", "1x", "1s 2"}) {
    EXPECT_FALSE(ParseDuration(bad).ok()) << bad;
  }
  EXPECT_EQ(ParseDuration("30").status().message(),
            "\"30\" is no duration, its unit is missing; write \"30s\" for seconds");
}

TEST(UnitsTest, Sizes) {
  EXPECT_EQ(*ParseBytes("512"), 512);
  EXPECT_EQ(*ParseBytes("1.5G"), 1610612736);
  EXPECT_EQ(*ParseBytes("64kb"), 65536);
  EXPECT_EQ(*ParseBytes("64KiB"), 65536);
  EXPECT_EQ(*ParseBytes("10 m"), 10485760);
  EXPECT_EQ(*ParseBytes("7b"), 7);
  for (const char* bad : {"", "G", "-1", "1x", "1.5.5", "99999999p"}) {
    EXPECT_FALSE(ParseBytes(bad).ok()) << bad;
  }
}

TEST(UnitsTest, CpusAndPercentages) {
  EXPECT_EQ(*ParseMilliCpu("0.25"), 250);
  EXPECT_EQ(*ParseMilliCpu("2"), 2000);
  EXPECT_FALSE(ParseMilliCpu("-1").ok());
  EXPECT_FALSE(ParseMilliCpu("nan").ok());
  EXPECT_EQ(*ParsePercent("60%"), 60);
  EXPECT_FALSE(ParsePercent("much").ok());
}

TEST(UnitsTest, CommandsAreSplitLikeAShellDoes) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(*SplitWords("a  b\tc"), (Words{"a", "b", "c"}));
  EXPECT_EQ(*SplitWords("sh -c 'a b' \"c \\\" d\" e\\ f ''"),
            (Words{"sh", "-c", "a b", "c \" d", "e f", ""}));
  EXPECT_EQ(*SplitWords(""), Words{});
  EXPECT_FALSE(SplitWords("a 'b").ok());
}

}  // namespace
}  // namespace drover::compose
