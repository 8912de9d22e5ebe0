// Another policy on recorded evaluations, which a core made in virtual time.
#include "controller/core/autoscale/what_if.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/controller/runtime/history/recorded.h"

namespace drover::controller {
namespace {

using ::testing::ElementsAre;

AutoscaleSpec LiveSpec(RecordedRun& run, const ServiceKey& service) { return *run.made(service)[0].spec; }

TEST(WhatIfTest, R12_ThePolicyThatWasLiveDecidesTheSameInEveryByte) {
  for (const char* policy : {"drover", "hpa", "kpa", "keda", "max_wait"}) {
    SCOPED_TRACE(policy);
    RecordedRun run({}, policy);
    run.Pass(200);
    for (const ServiceKey& service : {kWeb, kThumbs}) {
      WhatIf what_if(LiveSpec(run, service));
      Replayer replayer;
      for (const Evaluation& made : run.made(service)) {
        const auto live = replayer.Next(made);
        ASSERT_TRUE(live);
        ASSERT_EQ(Bytes(what_if.Next(made, *live)), Bytes(*made.decision));
      }
      EXPECT_TRUE(what_if.is_live());
    }
  }
}

// The same samples given to the engine by hand, its count carried on.
std::vector<Decision> DirectRun(const std::vector<Evaluation>& evaluations, const AutoscaleSpec& spec) {
  std::vector<Decision> decisions;
  ScalingHistory memory = *evaluations[0].before;
  int64_t current = evaluations[0].input.current;
  for (const Evaluation& evaluation : evaluations) {
    DecideInput input = evaluation.input;
    input.spec = &spec;
    input.current = current;
    input.observed.reset();
    DecideResult result = Decide(input, std::move(memory));
    memory = std::move(result.history);
    result.decision.id = evaluation.id;
    current = result.decision.desired;
    decisions.push_back(std::move(result.decision));
  }
  return decisions;
}

TEST(WhatIfTest, AChangedPolicyDecidesAsIfRunOnTheSameSamples) {
  struct Change {
    const char* name;
    void (*make)(AutoscaleSpec&);
  };

  const std::vector<Change> changes = {
      {"target", [](AutoscaleSpec& spec) { spec.signals[0].target *= 0.5; }},
      {"max", [](AutoscaleSpec& spec) { spec.max = 4; }},
      {"promise", [](AutoscaleSpec& spec) { spec.signals[0].max_wait = absl::Seconds(10); }},
      {"family", [](AutoscaleSpec& spec) { spec.policy = AutoscaleSpec::Policy::kKeda; }}};
  for (const Change& change : changes) {
    SCOPED_TRACE(change.name);
    RecordedRun run;
    run.Pass(300);
    const std::vector<Evaluation>& made = run.made(kThumbs);
    AutoscaleSpec spec = LiveSpec(run, kThumbs);
    change.make(spec);
    const std::vector<Decision> direct = DirectRun(made, spec);
    WhatIf what_if(spec);
    int64_t other = 0;
    for (size_t i = 0; i < made.size(); ++i) {
      const Decision decision = what_if.Next(made[i], *made[i].decision);
      ASSERT_EQ(Bytes(decision), Bytes(direct[i])) << i;
      other += decision.desired == made[i].decision->desired ? 0 : 1;
    }
    EXPECT_FALSE(what_if.is_live());
    EXPECT_GT(other, 10);
  }
}

TEST(WhatIfTest, ACountSetByHandIsTakenOver) {
  RecordedRun run;
  run.Pass(60);
  CoreCluster& cluster = run.cluster();
  cluster.Step(ScaleService{cluster.now(), cluster.wall(), RequestId(3), kThumbs, 7, absl::Seconds(20), false,
                            "", "eve"});
  run.Pass(10);
  AutoscaleSpec spec = LiveSpec(run, kThumbs);
  spec.max = 9;
  WhatIf what_if(spec);
  std::optional<Decision> last;
  for (const Evaluation& made : run.made(kThumbs)) {
    last = what_if.Next(made, *made.decision);
  }
  EXPECT_EQ(last->desired, 7);
  EXPECT_EQ(last->reason, "Held");
}

TEST(WhatIfTest, ASignalThatWasNotRecordedIsNamedAndStaysUnknown) {
  RecordedRun run;
  run.Pass(30);
  AutoscaleSpec spec = LiveSpec(run, kThumbs);
  SignalSpec mail = spec.signals[0];
  mail.queue = "mail";
  spec.signals.push_back(mail);
  EXPECT_THAT(NotRecorded(spec, LiveSpec(run, kThumbs)), ElementsAre("queue mail"));
  WhatIf what_if(spec);
  const Evaluation& made = run.made(kThumbs).back();
  Evaluation begin = made;
  begin.before = run.made(kThumbs)[0].before;
  const Decision decision = what_if.Next(begin, *made.decision);
  EXPECT_EQ(decision.signals[1].unknown_reason, "was not recorded");
  EXPECT_GE(decision.desired, made.input.current);
}

}  // namespace
}  // namespace drover::controller
