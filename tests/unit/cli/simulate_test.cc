// `drover simulate`: options, errors, and what it prints.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "cli/session.h"
#include "nlohmann/json.hpp"
#include "tests/unit/cli/run_cli.h"

namespace drover::cli {
namespace {

using testing::HasSubstr;

Outcome Simulate(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "simulate");
  return RunCli(arguments, {}, "tests/traces");
}

TEST(SimulateTest, OneObjectPerTracePolicyTargetAndSeed) {
  const Outcome outcome = Simulate({"--trace", "own_step.csv,own_spike.csv", "--policy", "hpa,kpa",
                                    "--target", "50", "--target", "70", "--seed", "1,2", "-o", "json"});
  ASSERT_EQ(outcome.code, kOk) << outcome.err;
  const auto all = nlohmann::ordered_json::parse(outcome.out);
  ASSERT_EQ(all.size(), 16u);
  EXPECT_EQ(all[0]["trace"], "own_step");
  EXPECT_EQ(all[0]["policy"], "hpa");
  EXPECT_EQ(all[0]["target"], 50);
  EXPECT_EQ(all[0]["seed"], 1);
  EXPECT_EQ(all[1]["seed"], 2);
  EXPECT_EQ(all[15]["trace"], "own_spike");
  for (const auto& object : all) {
    for (const char* key : {"trace",
                            "policy",
                            "target",
                            "seed",
                            "late_percent",
                            "wait_p50_s",
                            "wait_p95_s",
                            "wait_p99_s",
                            "wait_max_s",
                            "replica_hours",
                            "work_bound_hours",
                            "cost_over_work_bound",
                            "rate_oracle_hours",
                            "actions_per_hour",
                            "launches_per_hour",
                            "theta_u",
                            "theta_o",
                            "tau_u",
                            "tau_o",
                            "instability"}) {
      EXPECT_TRUE(object.contains(key)) << key;
    }
    EXPECT_GT(object["cost_over_work_bound"], 1);
  }
}

TEST(SimulateTest, TheSameSeedGivesTheSameBytes) {
  const std::vector<std::string> arguments = {"--trace", "own_onoff.csv", "--policy",
                                              "drover,keda,rate-oracle,clairvoyant"};
  EXPECT_EQ(Simulate(arguments).out, Simulate(arguments).out);
}

TEST(SimulateTest, ParametersByHand) {
  const std::string trace = Written("load.csv", "t_seconds,arrivals\n0,10\n60,10\n");
  const Outcome outcome = Simulate({"--trace", trace, "--service-time", "2s", "--thin", "2", "--slo", "3",
                                    "--policy", "drover", "-o", "json"});
  ASSERT_EQ(outcome.code, kOk) << outcome.err;
  EXPECT_EQ(nlohmann::json::parse(outcome.out)[0]["target"], 3);
}

TEST(SimulateTest, AServicesOwnDeclarationIsAPolicy) {
  const std::string file =
      Written("own.yaml", "min: 2\nmax: 30\nsignals:\n  - {queue: jobs, per_replica: 1}\n");
  const Outcome outcome = Simulate({"--trace", "own_step.csv", "--policy", file});
  EXPECT_EQ(outcome.code, kOk) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("own.yaml"));
}

TEST(SimulateTest, HtmlIsOnePage) {
  const Outcome outcome = Simulate({"--trace", "own_spike.csv", "--policy", "kpa", "-o", "html"});
  EXPECT_EQ(outcome.code, kOk) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("</html>"));
}

struct Refused {
  std::vector<std::string> arguments;
  const char* says;

  friend void PrintTo(const Refused& refused, std::ostream* out) { *out << refused.says; }
};

class SimulateRefusedTest : public testing::TestWithParam<Refused> {};

TEST_P(SimulateRefusedTest, WithWhatWouldBeRight) {
  const Outcome outcome = Simulate(GetParam().arguments);
  EXPECT_EQ(outcome.code, kError);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    All, SimulateRefusedTest,
    testing::Values(
        Refused{{"--policy", "hpa"}, "--trace is required"},
        Refused{{"--trace", "own_step.csv"}, "--policy is required"},
        Refused{{"--trace", "none.csv", "--policy", "hpa"},
                "none.csv: cannot be read; name a file that exists"},
        Refused{{"--trace", "own_step.csv", "--policy", "hps"}, "no policy \"hps\"; use drover, hpa"},
        Refused{{"--trace", "own_step.csv", "--policy", "none.yaml"}, "none.yaml"},
        Refused{{"--trace", "own_step.csv", "--policy", "hpa", "--startup", "5"},
                "--startup is \"5\"; write shortest:longest"},
        Refused{{"--trace", "own_step.csv", "--policy", "hpa", "--startup", "9:5"},
                "the shortest comes first"},
        Refused{{"--trace", "own_step.csv", "--policy", "hpa", "--target", "0"},
                "--target must be more than 0"},
        Refused{{"--trace", "own_step.csv", "--policy", "hpa", "--fail-starts", "100%"},
                "write a percentage below 100"},
        Refused{{"--trace", "own_step.csv", "--policy", "hpa", "--min", "5", "--max", "4"},
                "a max that is not below min"},
        Refused{{"--trace", "../../docs/HACKING.md", "--policy", "hpa"}, "HACKING.md:3: the titles are"},
        Refused{{"--trace", "own_step.csv", "--policy", "hpa", "-o", "xml"}, "--output"}));

TEST(SimulateTest, WithoutParametersItSaysHowToGiveThem) {
  const std::string trace = Written("alone.csv", "t_seconds,arrivals\n0,1\n60,1\n");
  const Outcome outcome = Simulate({"--trace", trace, "--policy", "hpa"});
  EXPECT_EQ(outcome.code, kError);
  EXPECT_THAT(outcome.err, HasSubstr("no parameters for alone: there is no "));
  EXPECT_THAT(outcome.err, HasSubstr("give --params FILE, or --service-time SECONDS"));
  EXPECT_THAT(Simulate({"--trace", trace, "--params", "params.csv", "--policy", "hpa"}).err,
              HasSubstr("no line for alone"));
}

}  // namespace
}  // namespace drover::cli
