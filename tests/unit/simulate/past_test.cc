// Load found from what was recorded.
#include "simulate/past.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "simulate/replayed.h"

namespace drover::simulate {
namespace {

using controller::AutoscaleSpec;
using controller::Evaluation;
using controller::SignalInput;
using controller::SignalSpec;
using controller::WaitingLoad;
using testing::Contains;
using testing::HasSubstr;

const absl::Time kBegin = absl::UnixEpoch() + absl::Hours(1000);

AutoscaleSpec QueueSpec() {
  AutoscaleSpec spec;
  spec.max = 20;
  SignalSpec queue;
  queue.kind = SignalSpec::Kind::kQueue;
  queue.queue = "jobs";
  queue.target = 1;
  spec.signals = {queue};
  return spec;
}

AutoscaleSpec CpuSpec() {
  AutoscaleSpec spec;
  spec.max = 20;
  spec.signals.emplace_back().target = 60;
  return spec;
}

Evaluation At(int64_t second, const AutoscaleSpec& spec, int64_t ready, SignalInput signal) {
  Evaluation evaluation;
  evaluation.spec = std::make_shared<const AutoscaleSpec>(spec);
  evaluation.input.wall = kBegin + absl::Seconds(second);
  evaluation.input.ready = ready;
  evaluation.input.signals = {std::move(signal)};
  return evaluation;
}

SignalInput Jobs(double waiting, std::optional<double> running) {
  SignalInput signal;
  signal.total = waiting + running.value_or(0);
  signal.load = WaitingLoad{.waiting = waiting, .running = running};
  return signal;
}

SignalInput Cpu(int64_t replicas, double used) {
  SignalInput signal;
  signal.replicas.assign(static_cast<size_t>(replicas),
                         {.ready = true, .warming_up = false, .used = used, .reserved = 500});
  return signal;
}

int64_t Sum(const std::vector<int64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), int64_t{0});
}

TEST(PastTest, CountedJobsGiveArrivalsAndTheirLength) {
  Past past;
  for (int64_t second = 0; second <= 600; ++second) {
    SignalInput signal = Jobs(0, 4);
    signal.load->arrivals = 1000 + 2.0 * static_cast<double>(second);
    signal.load->completions = 996 + 2.0 * static_cast<double>(second);
    past.Add(At(second, QueueSpec(), 5, signal), second < 300 ? 5 : 6);
  }
  const auto load = LoadOf(past, "shop/thumbs", QueueSpec(), {});
  ASSERT_TRUE(load.ok()) << load.status();
  EXPECT_EQ(load->trace.counts.size(), 600u);
  EXPECT_EQ(Sum(load->trace.counts), 1204);  // with the four that ran at the start
  EXPECT_EQ(load->trace.counts[100], 2);
  EXPECT_DOUBLE_EQ(load->params.service_s, 2);  // 4 busy replicas, 2 jobs a second
  EXPECT_EQ(load->ready, 5);
  EXPECT_EQ(load->desired[299], 5);
  EXPECT_EQ(load->desired[300], 6);
  EXPECT_THAT(load->assumptions, Contains(HasSubstr("from counted jobs")));
}

TEST(PastTest, WithoutCountsWorkIsWhatBusyReplicasDid) {
  Past past;
  for (int64_t second = 0; second <= 400; ++second) {
    past.Add(At(second, QueueSpec(), 4, Jobs(second < 200 ? 0 : static_cast<double>(second - 200), 4)), 4);
  }
  const auto load = LoadOf(past, "shop/thumbs", QueueSpec(), {.service_s = 4, .slo_wait_s = 9});
  ASSERT_TRUE(load.ok()) << load.status();
  EXPECT_EQ(Sum(load->trace.counts), 4 + 400 + 200);  // a job a second done, then one more each second waits
  EXPECT_EQ(load->params.slo_wait_s, 9);
}

TEST(PastTest, JobsThatEndBoundTheirLength) {
  Past past;
  for (int64_t second = 0; second <= 600; ++second) {
    past.Add(At(second, QueueSpec(), 2, Jobs(0, second % 10 < 5 ? 2 : 0)), 2);  // two jobs of 5 s in 10 s
  }
  const auto load = LoadOf(past, "shop/thumbs", QueueSpec(), {});
  ASSERT_TRUE(load.ok()) << load.status();
  EXPECT_NEAR(load->params.service_s, 5, 0.2);
  EXPECT_EQ(load->params.slo_wait_s, load->params.service_s);
  EXPECT_THAT(load->assumptions, Contains(HasSubstr("at most")));
}

TEST(PastTest, CpuIsWorkInReplicas) {
  Past past;
  for (int64_t second = 0; second <= 1000; ++second) {
    past.Add(At(second, CpuSpec(), 10, Cpu(10, 250)), 10);
  }
  const auto load = LoadOf(past, "shop/web", CpuSpec(), {});
  ASSERT_TRUE(load.ok()) << load.status();
  EXPECT_EQ(Sum(load->trace.counts), 5000);  // 10 replicas at half of their reservation, jobs of a second
  EXPECT_DOUBLE_EQ(load->busy_usage, 1);
  EXPECT_THAT(load->assumptions, Contains(HasSubstr("CPU does not tell")));
}

TEST(PastTest, AReplicaMayUseMoreThanItReserves) {
  Past past;
  for (int64_t second = 0; second <= 600; ++second) {
    past.Add(At(second, CpuSpec(), 2, Cpu(2, second < 300 ? 1000 : 500)), 2);
  }
  const auto load = LoadOf(past, "shop/web", CpuSpec(), {});
  ASSERT_TRUE(load.ok()) << load.status();
  EXPECT_NEAR(load->busy_usage, 2, 0.01);
  EXPECT_NEAR(static_cast<double>(Sum(load->trace.counts)), 2 * 300 + 300, 2);
}

TEST(PastTest, AnUnknownTimeIsNotTakenForNoLoad) {
  Past past;
  for (int64_t second = 0; second <= 600; ++second) {
    SignalInput signal = Jobs(0, 3);
    if (second >= 200 && second < 300) {
      signal = SignalInput{.replicas = {}, .total = std::nullopt, .unknown_reason = "no answer", .age = {}};
    }
    past.Add(At(second, QueueSpec(), 4, signal), 4);
  }
  const auto load = LoadOf(past, "shop/thumbs", QueueSpec(), {.service_s = 1, .slo_wait_s = {}});
  ASSERT_TRUE(load.ok()) << load.status();
  EXPECT_EQ(load->trace.counts[250], 3);
  EXPECT_THAT(load->assumptions, Contains(HasSubstr("for 101 s the load is not known")));
}

TEST(PastTest, MeansOfTenSeconds) {
  Past past;
  for (int64_t second = 0; second < 300; second += 10) {
    past.AddMean({.at = kBegin + absl::Seconds(second), .desired = 5, .ready = 5}, QueueSpec(),
                 {PastMean{.total = 2, .reserved = 0}});
  }
  const auto load = LoadOf(past, "shop/thumbs", QueueSpec(), {.service_s = 1, .slo_wait_s = {}});
  ASSERT_TRUE(load.ok()) << load.status();
  EXPECT_EQ(load->trace.counts[100], 2);
  EXPECT_THAT(load->assumptions, Contains(HasSubstr("means of 10 s")));
}

TEST(PastTest, QueuesShareTheJobs) {
  AutoscaleSpec spec = QueueSpec();
  spec.signals.push_back(spec.signals[0]);
  spec.signals[1].queue = "mail";
  Past past;
  for (int64_t second = 0; second <= 100; ++second) {
    Evaluation evaluation = At(second, spec, 4, Jobs(0, 3));
    evaluation.input.signals.push_back(Jobs(0, 1));
    past.Add(evaluation, 4);
  }
  const auto load = LoadOf(past, "shop/thumbs", spec, {.service_s = 1, .slo_wait_s = {}});
  ASSERT_TRUE(load.ok()) << load.status();
  EXPECT_EQ(load->trace.counts[50], 4);
  EXPECT_DOUBLE_EQ(load->queue_shares.at("mail"), 0.25);
}

struct Missing {
  const char* says;
  AutoscaleSpec spec;
  int64_t seconds;
  SignalInput signal;

  friend void PrintTo(const Missing& missing, std::ostream* out) { *out << missing.says; }
};

class PastMissingTest : public testing::TestWithParam<Missing> {};

TEST_P(PastMissingTest, IsNamed) {
  Past past;
  for (int64_t second = 0; second <= GetParam().seconds; ++second) {
    past.Add(At(second, GetParam().spec, 3, GetParam().signal), 3);
  }
  const auto load = LoadOf(past, "shop/thumbs", GetParam().spec, {});
  ASSERT_FALSE(load.ok());
  EXPECT_EQ(load.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(load.status().message()), HasSubstr(GetParam().says));
}

AutoscaleSpec LatencySpec() {
  AutoscaleSpec spec = CpuSpec();
  spec.signals[0].kind = SignalSpec::Kind::kLatency;
  return spec;
}

INSTANTIATE_TEST_SUITE_P(
    All, PastMissingTest,
    testing::Values(Missing{"only 30 s of its past are kept", QueueSpec(), 30, Jobs(0, 1)},
                    Missing{"nothing recorded tells how long a job takes", QueueSpec(), 300, Jobs(3, 3)},
                    Missing{
                        "known for 0 % of the time only; a queue that does not say how many jobs are in hand",
                        QueueSpec(), 300, Jobs(0, std::nullopt)},
                    Missing{"nothing recorded tells its load", LatencySpec(), 300, Jobs(0, std::nullopt)}));

TEST(ReplayCountTest, CountsNamesTheFirstOtherAndAddsUp) {
  ReplayCount count;
  controller::Decision decision;
  for (int64_t second = 0; second < 3601; ++second) {
    decision.id = static_cast<uint64_t>(second);
    decision.at = kBegin + absl::Seconds(second);
    decision.desired = second < 1800 ? 2 : 4;
    count.Take(decision, nullptr, second != 7 && second != 9, second == 5);
  }
  const Replayed& result = count.result();
  EXPECT_EQ(result.decisions, 3601);
  EXPECT_EQ(result.equal, 3599);
  ASSERT_TRUE(result.first_other);
  EXPECT_EQ(result.first_other->id, 7u);
  EXPECT_EQ(result.gaps, std::vector<absl::Time>{kBegin + absl::Seconds(5)});
  EXPECT_EQ(result.changes, 1);
  EXPECT_NEAR(result.replica_hours, 3, 0.01);
}

}  // namespace
}  // namespace drover::simulate
