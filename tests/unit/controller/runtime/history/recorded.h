// A stack with services scaled by CPU, by a queue and by the load balancer, run for a while under virtual
// time with load that comes and goes and with what people do, recorded into files.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "controller/runtime/convert.h"
#include "controller/runtime/history/file_history.h"
#include "controller/runtime/history/records.h"
#include "tests/support/core_cluster.h"
#include "tests/unit/controller/runtime/spec_builder.h"

namespace drover::controller {

// Removed with its content at the end.
class TempDir {
 public:
  TempDir() {
    std::string name = testing::TempDir() + "drover-history-XXXXXX";
    path_ = mkdtemp(name.data());
  }

  ~TempDir() { std::filesystem::remove_all(path_); }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline const ServiceKey kWeb = {"shop", "web"};
inline const ServiceKey kThumbs = {"shop", "thumbs"};
inline const ServiceKey kApi = {"shop", "api"};  // behind the balancer

class RecordedRun {
 public:
  // `policy`: of both services; "max_wait": Drover's own, with a promise for the queue.
  explicit RecordedRun(FileHistory::Options options = {}, const std::string& policy = "drover")
      : policy_(policy) {
    // Virtual time runs ahead of the writer, which is to say in time when a file is full.
    const FileHistory::Options usual;
    const bool settles =
        options.segment_bytes < usual.segment_bytes || options.segment_span < usual.segment_span;
    options.directory = dir_.path() + "/history";
    options.now = [this] { return absl::FromUnixNanos(wall_ns_); };
    history_ = std::make_unique<FileHistory>(options);
    cluster_.RecordTo([this, settles](const Ready& ready) {
      wall_ns_ = absl::ToUnixNanos(cluster_.wall());
      for (const HistoryItem& item : ready.history) {
        if (const auto* evaluation = std::get_if<Evaluation>(&item)) {
          made_[evaluation->input.service].push_back(*evaluation);
        }
      }
      if (history_->Record(ready.history, ready.events)) {
        cluster_.Step(HistoryBegins{cluster_.now()});
      }
      if (settles) {
        history_->Settle();
      }
    });
    FakeAgent& agent = cluster_.AddAgent("a");
    agent.auto_start = true;
    agent.edge = true;
    agent.capacity.cpu = MilliCpu(40'000);
    cluster_.Connect(agent);
    cluster_.Report(agent);
    cluster_.Take();
    Apply();
  }

  // `seconds` of load: CPU swings once in five minutes, jobs come and go, now and then nobody answers.
  void Pass(int64_t seconds) {
    FakeAgent& agent = cluster_.agent("a");
    for (int64_t i = 0; i < seconds; ++i, ++second_) {
      const double wave = std::sin(static_cast<double>(second_) * 6.28 / 300);
      for (auto& [id, replica] : agent.replicas) {
        replica.cpu_milli = static_cast<int64_t>(60 + 50 * wave) + static_cast<int64_t>(id.value() % 7);
        replica.backlog = static_cast<int64_t>(std::max(0.0, 8 * wave));
        agent.in_flight[id] = static_cast<int64_t>(6 + 5 * wave);
      }
      Balance(wave, agent);
      if (second_ % 97 < 5) {
        agent.depth.erase(probe_);
      } else {
        agent.depth[probe_] = std::max(0.0, 90 * wave);
        if (policy_ == "max_wait") {
          agent.held[probe_] = std::max(0.0, 12 * wave + 0.3);
        }
      }
      cluster_.Pass(absl::Seconds(1), [](const Ready&) {});
    }
  }

  CoreCluster& cluster() { return cluster_; }

  FileHistory& history() { return *history_; }

  std::string directory() const { return dir_.path() + "/history"; }

  // As the core made them.
  const std::vector<Evaluation>& made(const ServiceKey& service) { return made_[service]; }

  std::vector<HistoryDecoder::Decoded> ReadBack(const ServiceKey& service, absl::Time from) {
    std::vector<HistoryDecoder::Decoded> read;
    HistoryDecoder decoder;
    const auto cursor = history_->Read(service, from, absl::InfiniteFuture());
    EXPECT_TRUE(cursor.ok()) << cursor.status();
    while (const auto bytes = (*cursor)->Next()) {
      v1::HistoryRecord record;
      EXPECT_TRUE(record.ParseFromString(*bytes));
      if (record.has_evaluation()) {
        if (auto decoded = decoder.Decode(record)) {
          read.push_back(*std::move(decoded));
        }
      }
    }
    return read;
  }

 private:
  // The balancer counts on, is started anew now and then, and is not read at all for some seconds.
  void Balance(double wave, FakeAgent& agent) const {
    if (second_ % 131 == 130) {
      ++agent.balancer;
      agent.requests = {};
    }
    const uint64_t came = static_cast<uint64_t>(40 + 30 * wave);
    agent.requests.arrived += came;
    agent.requests.finished = agent.requests.arrived - came / 4;
    agent.queued =
        second_ % 83 < 5 ? std::nullopt : std::optional(static_cast<int64_t>(std::max(0.0, 9 * wave)));
    RequestTimes& times = agent.times.emplace();
    for (int i = 0; i < 110 + 40 * wave; ++i) {
      times.replica.Add(absl::Milliseconds(50 + i));
      times.answered.Add(absl::Milliseconds(60 + 2 * i));
    }
  }

  void Apply() {
    auto stack = FromText<v1::StackSpec>(R"(
      name: 'shop'
      services { name: 'web' replicas: 2 container { image: 'web:1' } reserved_cpu_milli: 100 reserved_memory_bytes: 1048576
        autoscale { min: 2 max: 20 signals { cpu { target_percent: 60 } }
          scale_down { stabilization { seconds: 60 } policies { replicas: 2 period { seconds: 15 } } } } }
      services { name: 'thumbs' replicas: 1 container { image: 'thumbs:1' } reserved_cpu_milli: 100 reserved_memory_bytes: 1048576
        autoscale { min: 0 max: 30 idle { seconds: 40 } signals { queue { queue: 'jobs' per_replica: 5 } }
          scale_down { stabilization { seconds: 30 } } scale_up { policies { percent: 100 period { seconds: 15 } } } } }
      services { name: 'api' replicas: 2 container { image: 'api:1' } reserved_cpu_milli: 100 reserved_memory_bytes: 1048576 routed_ports: 80
        edges { listen: 80 host: 'api.example.com' target: 80 maxconn: 8 }
        autoscale { min: 1 max: 30 signals { in_flight { target: 8 } } signals { rate { target: 20 } }
          signals { backlog { target: 4 } } signals { queue { queue: 'jobs' total: 40 } }
          scale_down { stabilization { seconds: 30 } } } }
      queues { name: 'jobs' kind: REDIS_LIST keys: 'jobs' endpoints { host: '10.0.0.5' port: 6379 } })");
    ApplyStack apply;
    apply.now = cluster_.now();
    apply.wall = cluster_.wall();
    apply.request = RequestId(1);
    for (v1::ServiceSpec& service : *stack.mutable_services()) {
      service.mutable_autoscale()->set_policy(policy_ == "max_wait" ? "drover" : policy_);
    }
    if (policy_ == "max_wait") {
      v1::AutoscaleSpec& thumbs = *stack.mutable_services(1)->mutable_autoscale();
      thumbs.clear_scale_down();
      thumbs.clear_scale_up();
      thumbs.mutable_signals(0)->mutable_queue()->clear_per_replica();
      thumbs.mutable_signals(0)->mutable_queue()->mutable_max_wait()->set_seconds(20);
      v1::AutoscaleSpec& api = *stack.mutable_services(2)->mutable_autoscale();
      api.clear_signals();
      v1::LatencySignal& latency = *api.add_signals()->mutable_latency();
      latency.set_quantile(0.95);
      latency.mutable_target()->set_nanos(300'000'000);
    }
    apply.spec = TranslateChecked(stack);
    probe_ = apply.spec.queues.at(0).probe;
    cluster_.Step(apply);
    cluster_.Take();
  }

  const std::string policy_;
  TempDir dir_;
  CoreCluster cluster_;
  std::atomic<int64_t> wall_ns_ = absl::ToUnixNanos(cluster_.wall());  // for the writer's thread
  std::unique_ptr<FileHistory> history_;
  std::map<ServiceKey, std::vector<Evaluation>> made_;
  std::string probe_;
  int64_t second_ = 0;
};

// As engines compare decisions.
inline std::string Bytes(const Decision& decision) { return ToProto(decision).SerializeAsString(); }

}  // namespace drover::controller
