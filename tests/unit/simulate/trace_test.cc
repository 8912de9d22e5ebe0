// Reading traces and parameters: what is accepted, and how what is not is refused.
#include "simulate/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover::simulate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(TraceTest, ReadsBinsAndSkipsComments) {
  const auto trace =
      ParseTrace("# source: none\n\nt_seconds,arrivals\n0,3\r\n 60 , 0\n# between\n120,7\n", "a/load.csv");
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_EQ(trace->name, "load");
  EXPECT_EQ(trace->bin_s, 60);
  EXPECT_THAT(trace->counts, ElementsAre(3, 0, 7));
  EXPECT_EQ(trace->length_s(), 180);
}

struct Refused {
  const char* text;
  const char* says;

  friend void PrintTo(const Refused& refused, std::ostream* out) { *out << refused.says; }
};

class RefusedTraceTest : public testing::TestWithParam<Refused> {};

TEST_P(RefusedTraceTest, WithFileAndLine) {
  const auto trace = ParseTrace(GetParam().text, "load.csv");
  ASSERT_FALSE(trace.ok());
  EXPECT_THAT(trace.status().message(), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedTraceTest,
    testing::Values(Refused{"", "load.csv:1: no titles"},
                    Refused{"0,1\n", "load.csv:1: the titles are \"0,1\"; they must be"},
                    Refused{"t_seconds,arrivals\n0,1\n", "fewer than two bins"},
                    Refused{"t_seconds,arrivals\n0,1\n60,x\n",
                            "load.csv:3: arrivals is \"x\"; it must be a whole number"},
                    Refused{"t_seconds,arrivals\n0,1\n60,-1\n", "load.csv:3: arrivals is \"-1\""},
                    Refused{"t_seconds,arrivals\n0,1\n60,1.5\n", "load.csv:3: arrivals is \"1.5\""},
                    Refused{"t_seconds,arrivals\nzero,1\n60,1\n", "load.csv:2: t_seconds is \"zero\""},
                    Refused{"t_seconds,arrivals\n0,1\n60\n", "load.csv:3: 1 fields; a line has 2"},
                    Refused{"t_seconds,arrivals\n0,1\n0,1\n", "load.csv:3: times do not ascend"},
                    Refused{"t_seconds,arrivals\n0,1\n60,1\n180,1\n",
                            "load.csv:4: t_seconds is 180; the bin after the one before starts at 120"}));

TEST(TraceTest, AFileThatIsNotThere) {
  EXPECT_THAT(ReadTrace("no/such.csv").status().message(),
              HasSubstr("no/such.csv: cannot be read; name a file that exists"));
}

TEST(TraceTest, ParamsByTrace) {
  const auto params = ParseParams("trace,service_s,thin,slo_wait_s\na,0.05,500,25\nb,2,1,2\n", "params.csv");
  ASSERT_TRUE(params.ok()) << params.status();
  EXPECT_EQ(params->size(), 2u);
  EXPECT_DOUBLE_EQ(params->at("a").job_s(), 25);
  EXPECT_EQ(params->at("b").slo_wait_s, 2);
}

TEST(TraceTest, ParamsRefused) {
  const std::string titles = "trace,service_s,thin,slo_wait_s\n";
  auto says = [&](const std::string& rows) {
    return std::string(ParseParams(titles + rows, "params.csv").status().message());
  };
  EXPECT_THAT(says("a,0,1,1\n"), HasSubstr("params.csv:2: service_s is \"0\""));
  EXPECT_THAT(says("a,1,0,1\n"), HasSubstr("params.csv:2: thin is \"0\""));
  EXPECT_THAT(says("a,1,1,-1\n"), HasSubstr("params.csv:2: slo_wait_s is \"-1\""));
  EXPECT_THAT(says("a,1,1,1\na,1,1,1\n"), HasSubstr("params.csv:3: a second line for a"));
}

TEST(TraceTest, ThinningKeepsTheCumulativeCount) {
  const Trace trace{.name = "t", .bin_s = 1, .counts = {3, 0, 2, 5, 1}};
  EXPECT_THAT(Thinned(trace, 4).counts, ElementsAre(0, 0, 1, 1, 0));  // 3 3 5 10 11 -> 0 0 1 2 2
  EXPECT_EQ(Thinned(trace, 1).counts, trace.counts);
}

}  // namespace
}  // namespace drover::simulate
