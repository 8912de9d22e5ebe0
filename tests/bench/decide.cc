// drover-decide-bench: what deciding costs. One decision; a whole round over 1,000 services of 100 replicas
// beside a bare loop over the same numbers; and one report with its decision in clusters of several sizes,
// which must cost the same in all of them. Google Benchmark: --benchmark_filter, --benchmark_format=json.
#include <benchmark/benchmark.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/core/autoscale/decide.h"
#include "controller/core/core.h"

namespace drover::controller {
namespace {

constexpr int64_t kReplicas = 100;  // of a service; each service has a node of its own
constexpr int64_t kReservedMilli = 500;
constexpr double kTarget = 60;  // percent of the reservation

Instant At(Duration since_start) { return Instant::FromNanoseconds(1'000'000'000) + since_start; }

// Between 40 % and 80 % of the reservation, another number for each.
int64_t UsageOf(int64_t service, int64_t replica, int64_t round) {
  return 200 + (service * 31 + replica * 17 + round * 13) % 200;
}

AutoscaleSpec Autoscale() {
  AutoscaleSpec spec;
  spec.min = 1;
  spec.max = 1000;
  SignalSpec cpu;
  cpu.kind = SignalSpec::Kind::kCpu;
  cpu.target = kTarget;
  spec.signals.push_back(cpu);
  return spec;
}

DecideInput InputOf(const AutoscaleSpec& spec, int64_t service) {
  DecideInput input;
  input.now = At(absl::Hours(1));
  input.spec = &spec;
  input.current = input.ready = kReplicas;
  SignalInput cpu;
  for (int64_t replica = 0; replica < kReplicas; ++replica) {
    cpu.replicas.push_back({.ready = true,
                            .warming_up = false,
                            .used = static_cast<double>(UsageOf(service, replica, 0)),
                            .reserved = kReservedMilli});
  }
  input.signals.push_back(std::move(cpu));
  return input;
}

void OneDecision(benchmark::State& state) {
  const AutoscaleSpec spec = Autoscale();
  const DecideInput input = InputOf(spec, 0);
  ScalingHistory history;
  for (auto _ : state) {
    DecideResult result = Decide(input, std::move(history));
    benchmark::DoNotOptimize(result.decision.desired);
    history = std::move(result.history);
  }
}

BENCHMARK(OneDecision);

void RoundOfDecisions(benchmark::State& state) {
  const AutoscaleSpec spec = Autoscale();
  std::vector<DecideInput> inputs;
  for (int64_t service = 0; service < state.range(0); ++service) {
    inputs.push_back(InputOf(spec, service));
  }
  std::vector<ScalingHistory> histories(inputs.size());
  for (auto _ : state) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      DecideResult result = Decide(inputs[i], std::move(histories[i]));
      benchmark::DoNotOptimize(result.decision.desired);
      histories[i] = std::move(result.history);
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * kReplicas);
}

BENCHMARK(RoundOfDecisions)->Arg(1000)->Unit(benchmark::kMillisecond);

void BareLoop(benchmark::State& state) {
  const AutoscaleSpec spec = Autoscale();
  std::vector<std::vector<ReplicaUsage>> services;
  for (int64_t service = 0; service < state.range(0); ++service) {
    services.push_back(InputOf(spec, service).signals[0].replicas);
  }
  for (auto _ : state) {
    for (const std::vector<ReplicaUsage>& replicas : services) {
      double used = 0;
      double reserved = 0;
      for (const ReplicaUsage& replica : replicas) {
        used += replica.used.value_or(0);
        reserved += replica.reserved;
      }
      benchmark::DoNotOptimize(
          std::ceil(static_cast<double>(replicas.size()) * used / reserved / (kTarget / 100)));
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * kReplicas);
}

BENCHMARK(BareLoop)->Arg(1000)->Unit(benchmark::kMillisecond);

// A settled cluster of services with kReplicas ready replicas each.
class Cluster {
 public:
  explicit Cluster(int64_t services) : services_(services) {
    StoredState stored;
    stored.cluster = ClusterId("00000000000000c1");
    StackRecord stack;
    stack.name = "shop";
    stack.revision = 1;
    for (int64_t i = 0; i < services; ++i) {
      AddService(stored, stack, i);
    }
    stored.stacks.push_back(stack);
    core_ = std::make_unique<Core>(
        CoreOptions(), stored,
        CoreStart{.now = now_, .wall = absl::UnixEpoch(), .epoch = Epoch(1), .seed = 1});
    for (int64_t i = 0; i < services; ++i) {
      NodeConnected hello;
      hello.now = now_;
      hello.node = IdOf(i);
      hello.stream = StreamId(static_cast<uint64_t>(i + 1));
      hello.cluster = stored.cluster;
      hello.boot_id = "boot";
      hello.capacity = {MilliCpu(kReplicas * kReservedMilli), Bytes(64LL << 30)};
      core_->Step(hello);
    }
    Round(0);
    for (int second = 0; second < 60; ++second) {
      Advance();
      Round(0);
      core_->TakeReady();
    }
  }

  void Advance() {
    now_ = now_ + absl::Seconds(1);
    core_->Step(Tick{.now = now_, .wall = absl::UnixEpoch() + (now_ - At(absl::ZeroDuration()))});
  }

  // Every node but the first `skip` reports.
  void Round(int64_t skip) {
    ++round_;
    for (int64_t i = skip; i < services_; ++i) {
      Report(i);
    }
  }

  void Report(int64_t i) {
    NodeReport report;
    report.now = report.sent = now_;
    report.node = IdOf(i);
    report.stream = StreamId(static_cast<uint64_t>(i + 1));
    report.replicas.reserve(kReplicas);
    for (int64_t replica = 0; replica < kReplicas; ++replica) {
      ReplicaSample sample;
      sample.handle = static_cast<uint32_t>(replica + 1);
      sample.state = ReplicaState::kReady;
      sample.cpu_milli = UsageOf(i, replica, round_);
      report.replicas.push_back(sample);
    }
    core_->Step(report);
  }

  Ready Take() { return core_->TakeReady(); }

 private:
  static NodeId IdOf(int64_t i) { return NodeId(absl::StrFormat("%016x", i + 1)); }

  static void AddService(StoredState& stored, StackRecord& stack, int64_t i) {
    ServiceSpec spec;
    spec.name = absl::StrCat("web", i);
    spec.spec_hash = "hash";
    spec.reserved_cpu = MilliCpu(kReservedMilli);
    spec.reserved_memory = Bytes(64LL << 20);
    spec.autoscale = Autoscale();
    stack.spec.services.push_back(spec);
    ServiceRecord service;
    service.key = {"shop", spec.name};
    service.desired = kReplicas;
    service.next_number = kReplicas + 1;
    stored.services.push_back(service);
    NodeRecord node;
    node.id = IdOf(i);
    node.name = absl::StrCat("host", i);
    node.next_handle = kReplicas + 1;
    node.capacity = {MilliCpu(kReplicas * kReservedMilli), Bytes(64LL << 30)};
    stored.nodes.push_back(node);
    for (int64_t replica = 1; replica <= kReplicas; ++replica) {
      ReplicaRecord record;
      record.id = ReplicaId(static_cast<uint64_t>(i * kReplicas + replica));
      record.service = service.key;
      record.node = node.id;
      record.number = record.handle = static_cast<uint32_t>(replica);
      record.spec_hash = spec.spec_hash;
      record.stack_revision = 1;
      record.state = ReplicaState::kAssigned;
      stored.replicas.push_back(record);
    }
  }

  const int64_t services_;
  int64_t round_ = 0;
  Instant now_ = At(absl::ZeroDuration());
  std::unique_ptr<Core> core_;
};

// All that a second brings: a report of every node, a decision for every service.
void RoundThroughTheCore(benchmark::State& state) {
  Cluster cluster(state.range(0));
  int64_t decided = 0;
  for (auto _ : state) {
    cluster.Advance();
    cluster.Round(0);
    const Ready ready = cluster.Take();
    decided += static_cast<int64_t>(ready.changes.size());
  }
  state.counters["changes"] = static_cast<double>(decided);
  state.SetItemsProcessed(state.iterations() * state.range(0) * kReplicas);
}

BENCHMARK(RoundThroughTheCore)->Arg(1000)->Unit(benchmark::kMillisecond);

// One node's report and what follows from it, when the others have had theirs.
void OneReportInACluster(benchmark::State& state) {
  Cluster cluster(state.range(0));
  for (auto _ : state) {
    state.PauseTiming();
    cluster.Advance();
    cluster.Round(1);
    cluster.Take();
    state.ResumeTiming();
    cluster.Report(0);
    benchmark::DoNotOptimize(cluster.Take());
  }
}

BENCHMARK(OneReportInACluster)->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond)->Iterations(200);

}  // namespace
}  // namespace drover::controller

BENCHMARK_MAIN();
