// `drover simulate --from`: a history served over HTTP, made again and compared.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "cli/session.h"
#include "compose/compose.h"
#include "controller/core/autoscale/decide.h"
#include "controller/runtime/convert.h"
#include "controller/runtime/history/records.h"
#include "nlohmann/json.hpp"
#include "tests/unit/cli/fake_controller.h"
#include "tests/unit/cli/run_cli.h"

namespace drover::cli {
namespace {

using controller::AutoscaleSpec;
using controller::DecideInput;
using controller::Evaluation;
using testing::AllOf;
using testing::HasSubstr;

constexpr char kHistory[] = "GET /v1/services/shop/thumbs/history";
constexpr char kLivePolicy[] = "min: 1\nmax: 20\nsignals:\n  - {queue: thumbs, per_replica: 2}\nidle: 2m\n";
const absl::Time kBegin = absl::FromUnixSeconds(1'700'000'000);

// What a controller records of a queue with a wave of load: the engine itself decides, once a second.
class RecordedQueue {
 public:
  RecordedQueue() : spec_(std::make_shared<const AutoscaleSpec>(Live())) {}

  std::vector<v1::HistoryRecord> Pass(int64_t seconds) {
    controller::HistoryEncoder encoder;
    std::vector<v1::HistoryRecord> records;
    for (int64_t second = 0; second < seconds; ++second) {
      records.push_back(*encoder.Encode(Next(second)));
    }
    return records;
  }

  bool says_running = true;

 private:
  static AutoscaleSpec Live() {
    const auto spec = compose::ReadAutoscaleFile(kLivePolicy, "live.yaml");
    EXPECT_TRUE(spec.ok()) << spec.status();
    return controller::ToCore(*spec);
  }

  Evaluation Next(int64_t second) {
    jobs_ = std::max(0.0, jobs_ + 3 + 2.5 * std::sin(static_cast<double>(second) / 60) -
                              std::min(jobs_, static_cast<double>(desired_)) / 2);
    const double total = std::floor(jobs_);
    const double running = std::min(total, static_cast<double>(desired_));
    Evaluation evaluation;
    evaluation.id = static_cast<uint64_t>(second + 1);
    evaluation.spec = spec_;
    if (second % 300 == 0) {
      evaluation.before = memory_;
    }
    DecideInput& input = evaluation.input;
    input.now = Instant::FromNanoseconds((second + 100) * 1'000'000'000);
    input.wall = kBegin + absl::Seconds(second);
    input.service = {"shop", "thumbs"};
    input.spec = spec_.get();
    input.current = input.ready = desired_;
    if (second == 30) {
      input.startups = {absl::Seconds(2), absl::Seconds(4)};
    }
    const double waiting = says_running ? total - running : 0;
    input.signals.emplace_back().total = says_running ? total : waiting;
    input.signals[0].load = controller::WaitingLoad{.waiting = waiting};
    if (says_running) {
      input.signals[0].load->running = running;
    }
    auto result = controller::Decide(input, std::move(memory_));
    memory_ = std::move(result.history);
    desired_ = result.decision.desired;
    result.decision.id = evaluation.id;
    evaluation.decision = std::make_shared<const controller::Decision>(std::move(result.decision));
    return evaluation;
  }

  std::shared_ptr<const AutoscaleSpec> spec_;
  controller::ScalingHistory memory_;
  int64_t desired_ = 1;
  double jobs_ = 0;
};

class SimulatePastTest : public testing::Test {
 protected:
  void Serve(const std::vector<v1::HistoryRecord>& records) {
    v1::HistoryRecord begin;
    begin.mutable_begin()->set_since_ns(absl::ToUnixNanos(since_));
    std::vector<const google::protobuf::Message*> messages = {&begin};
    for (const v1::HistoryRecord& record : records) {
      messages.push_back(&record);
    }
    v1::HistoryRecord end;
    end.mutable_end()->set_earliest_ns(absl::ToUnixNanos(kBegin));
    end.mutable_end()->set_full_from_ns(absl::ToUnixNanos(kBegin));
    messages.push_back(&end);
    fake_.AnswerStream(kHistory, messages);
  }

  Outcome Simulate(std::vector<std::string> arguments, const std::string& address = "") {
    const std::vector<std::string> head = {"simulate", "--from", "shop/thumbs"};
    arguments.insert(arguments.begin(), head.begin(), head.end());
    return RunCli(arguments, {{"DROVER_ADDR", address.empty() ? fake_.address() : address}},
                  testing::TempDir());
  }

  absl::Time since_ = kBegin;
  FakeController fake_;
};

TEST_F(SimulatePastTest, WithoutAPolicyEveryDecisionIsMadeAgain) {
  Serve(RecordedQueue().Pass(600));
  const Outcome outcome = Simulate({"--since", "7d"});
  EXPECT_EQ(outcome.code, kOk) << outcome.err;
  EXPECT_EQ(outcome.out,
            "shop/thumbs: 600 decisions made again with the policy that was live, 2023-11-14 22:13:20 UTC to "
            "2023-11-14 22:23:19 UTC\n"
            "all equal the recorded ones in every byte\n");
  EXPECT_EQ(fake_.requests()[0].call, std::string(kHistory) + "?since=7d");
}

TEST_F(SimulatePastTest, WhatIsReadOnlyToBeginIsNotCounted) {
  since_ = kBegin + absl::Seconds(100);
  Serve(RecordedQueue().Pass(600));
  const std::string file =
      Written("few.yaml", "min: 1\nmax: 3\nsignals:\n  - {queue: thumbs, per_replica: 2}\n");
  const Outcome outcome = Simulate({"--policy", file, "-o", "json"});
  ASSERT_EQ(outcome.code, kOk) << outcome.err;
  const auto all = nlohmann::json::parse(outcome.out);
  for (const size_t policy : {1, 2}) {
    EXPECT_EQ(all[policy]["replayed"]["decisions"], 500) << policy;
    EXPECT_EQ(all[policy]["replayed"]["from"], "2023-11-14T22:15:00+00:00");
  }
}

TEST_F(SimulatePastTest, ADecisionThatComesOutOtherwiseIsNamed) {
  std::vector<v1::HistoryRecord> records = RecordedQueue().Pass(100);
  records[41].mutable_evaluation()->set_decision_sum(1);
  Serve(records);
  const Outcome outcome = Simulate({});
  EXPECT_EQ(outcome.code, kPlanHasChanges);
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("99 equal the recorded ones in every byte, 1 do not"),
                                 HasSubstr("the first is decision 42 at 2023-11-14 22:14:01 UTC")));
}

TEST_F(SimulatePastTest, LostRecordsAreAGap) {
  RecordedQueue queue;
  std::vector<v1::HistoryRecord> records = queue.Pass(700);
  records.erase(records.begin() + 50, records.begin() + 60);
  Serve(records);
  const Outcome outcome = Simulate({"-o", "json"});
  EXPECT_EQ(outcome.code, kOk) << outcome.err;
  const auto all = nlohmann::json::parse(outcome.out);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0]["trace"], "shop/thumbs");
  EXPECT_EQ(all[0]["policy"], "live");
  const auto& replayed = all[0]["replayed"];
  EXPECT_EQ(replayed["decisions"], replayed["equal"]);
  EXPECT_EQ(replayed["first_other"], nullptr);
  ASSERT_EQ(replayed["gaps"].size(), 1u);
  EXPECT_EQ(replayed["gaps"][0], "2023-11-14T22:18:20+00:00");  // the next whole one
}

TEST_F(SimulatePastTest, TheLivePolicyAsAFileIsTheLivePolicy) {
  Serve(RecordedQueue().Pass(600));
  const Outcome outcome = Simulate({"--policy", Written("live.yaml", kLivePolicy)});
  EXPECT_EQ(outcome.code, kOk) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("all equal the recorded ones in every byte"),
                                 HasSubstr("live.yaml is the policy that was live")));
}

TEST_F(SimulatePastTest, AnotherPolicyStandsBesideWhatWas) {
  Serve(RecordedQueue().Pass(1200));
  const std::string file =
      Written("new.yaml", "min: 1\nmax: 20\nsignals:\n  - {queue: thumbs, max_wait: 3s}\n");
  const Outcome text = Simulate({"--policy", file, "--policy", "keda"});
  EXPECT_EQ(text.code, kOk) << text.err;
  EXPECT_THAT(text.out, AllOf(HasSubstr("new.yaml on the same samples: "),
                              HasSubstr("\nshop/thumbs  recorded "), HasSubstr("\nshop/thumbs  live "),
                              HasSubstr("\nshop/thumbs  new.yaml "), HasSubstr("\nshop/thumbs  keda ")));
  EXPECT_THAT(text.out, HasSubstr("- a start takes 2 s to 4 s, as 2 recorded ones did"));

  const Outcome outcome = Simulate({"--policy", file, "--service-time", "2s", "--slo", "4s", "-o", "json"});
  ASSERT_EQ(outcome.code, kOk) << outcome.err;
  const auto all = nlohmann::json::parse(outcome.out);
  ASSERT_EQ(all.size(), 3u);
  for (const auto& object : all) {
    EXPECT_GT(object["replica_hours"], object["work_bound_hours"]);
    EXPECT_FALSE(object["assumptions"].empty());
  }
  EXPECT_EQ(all[1]["policy"], "live");
  EXPECT_EQ(all[1]["replayed"]["equal"], 1200);
  // The model of the live policy is close to what was.
  EXPECT_NEAR(all[1]["replica_hours"].get<double>() / all[0]["replica_hours"].get<double>(), 1, 0.2);
  EXPECT_EQ(all[2]["policy"], "new.yaml");
  EXPECT_EQ(all[2]["replayed"]["decisions"], 1200);
  EXPECT_LT(all[2]["replayed"]["equal"], 1200);
}

TEST_F(SimulatePastTest, HtmlSaysWhatItAssumes) {
  Serve(RecordedQueue().Pass(600));
  const Outcome outcome = Simulate({"--policy", "hpa", "-o", "html"});
  EXPECT_EQ(outcome.code, kOk) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("<p>all equal the recorded ones"), HasSubstr("</html>")));
}

TEST_F(SimulatePastTest, TooLittleKnownIsAnErrorThatSaysWhat) {
  RecordedQueue queue;
  queue.says_running = false;
  std::vector<v1::HistoryRecord> records = queue.Pass(600);
  Serve(records);
  const Outcome outcome = Simulate({"--policy", "drover"});
  EXPECT_EQ(outcome.code, kError);
  EXPECT_THAT(outcome.err, HasSubstr("shop/thumbs: its load is known for 0 % of the time only"));
  EXPECT_EQ(outcome.out, "");
}

TEST_F(SimulatePastTest, NothingInThatTime) {
  Serve({});
  const Outcome outcome = Simulate({"--since", "1h"});
  EXPECT_EQ(outcome.code, kError);
  EXPECT_THAT(outcome.err, HasSubstr("nothing was decided about shop/thumbs since 1h; the history begins at "
                                     "2023-11-14 22:13:20 UTC"));
}

TEST_F(SimulatePastTest, AnUnknownServiceAndTimeAreTheControllersErrors) {
  fake_.AnswerError(kHistory, 404, "there is no service \"shop/thumbs\"");
  const Outcome outcome = Simulate({});
  EXPECT_EQ(outcome.code, kError);
  EXPECT_THAT(outcome.err, HasSubstr("there is no service \"shop/thumbs\""));
}

TEST_F(SimulatePastTest, NobodyAnswers) {
  const Outcome outcome = Simulate({}, "http://127.0.0.1:1");
  EXPECT_EQ(outcome.code, kError);
  EXPECT_THAT(outcome.err, HasSubstr("127.0.0.1:1"));
}

TEST_F(SimulatePastTest, ATraceAndAPastExcludeEachOther) {
  EXPECT_EQ(Simulate({"--trace", "x.csv", "--policy", "hpa"}).code, kError);
}

}  // namespace
}  // namespace drover::cli
