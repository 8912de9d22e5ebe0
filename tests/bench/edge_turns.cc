#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/edge_bed.h"
#include "tests/bench/edge_change.h"
#include "tests/contract/edge/http_load.h"

namespace drover::agent {
namespace {

using drover::testing::HttpBackend;
using drover::testing::StrictLoad;

constexpr int kConnections = 20;
constexpr int kRate = 1000;
constexpr size_t kSteady = 3;

int64_t SteadyNs() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

double Percentile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const double rank = std::ceil(q * static_cast<double>(values.size()));
  return values[static_cast<size_t>(std::max(rank, 1.0)) - 1];
}

std::string Pair(const std::vector<double>& values) {
  char text[64];
  std::snprintf(text, sizeof text, "%.1f / %.1f", Percentile(values, 0.5), Percentile(values, 0.99));
  return text;
}

// A set of steady replicas, and one that comes and goes.
class Turns {
 public:
  Turns(Bed& bed, std::chrono::milliseconds apart) : edge_(*bed.edge), apart_(apart) {
    set_.handle = 1;
    set_.service = "web";
    set_.http = true;
    set_.slots = 6;
    set_.epoch = Epoch(1);
    set_.listeners = {{.bind = "127.0.0.1", .port = bed.port, .host = "", .path = "", .tls_path = ""}};
    for (size_t i = 0; i < kSteady; ++i) {
      steady_.push_back(std::make_unique<HttpBackend>());
    }
    Want(nullptr, false);
  }

  void One() {
    HttpBackend guest;
    const int64_t ordered = SteadyNs();
    Want(&guest, false);
    while (guest.first_ns() == 0) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    entered_.push_back(static_cast<double>(guest.first_ns() - ordered) / 1e6);
    std::this_thread::sleep_for(apart_);
    const int64_t told = SteadyNs();
    Want(&guest, true);
    confirmed_.push_back(static_cast<double>(SteadyNs() - told) / 1e6);
    std::this_thread::sleep_for(apart_);
    late_.push_back(static_cast<double>(std::max<int64_t>(guest.last_ns() - told, 0)) / 1e6);
    Want(nullptr, false);
    std::this_thread::sleep_for(apart_);
  }

  uint64_t reloads() const { return state_.reloads; }

  void Print(const std::string& mode, uint64_t requests, uint64_t failed) const {
    std::printf("| %s | %zu | %s | %s | %s | %llu | %llu | %llu |\n", mode.c_str(), entered_.size(),
                Pair(entered_).c_str(), Pair(confirmed_).c_str(), Pair(late_).c_str(),
                static_cast<unsigned long long>(requests), static_cast<unsigned long long>(failed),
                static_cast<unsigned long long>(state_.reloads));
    std::fflush(stdout);
  }

 private:
  // Until it is confirmed.
  void Want(const HttpBackend* guest, bool drain) {
    set_.backends.clear();
    for (const std::unique_ptr<HttpBackend>& backend : steady_) {
      Add(*backend, false);
    }
    if (guest != nullptr) {
      Add(*guest, drain);
    }
    set_.revision = Revision(set_.revision.value() + 1);
    edge_.SetDesired({set_});
    state_ = edge_.Reconcile(BenchNow());
    while (state_.sets.empty() || state_.sets.front().applied_revision != set_.revision) {
      std::this_thread::sleep_for(kLook);
      state_ = edge_.Reconcile(BenchNow());
    }
  }

  void Add(const HttpBackend& backend, bool drain) {
    set_.backends.push_back({.replica = ReplicaId(backend.port()),
                             .address = "127.0.0.1",
                             .port = backend.port(),
                             .drain = drain});
  }

  Edge& edge_;
  std::chrono::milliseconds apart_;
  EdgeSet set_;
  EdgeState state_;
  std::vector<std::unique_ptr<HttpBackend>> steady_;
  std::vector<double> entered_, confirmed_, late_;
};

}  // namespace

bool MeasureTurns(int rounds) {
  bool met = true;
  std::printf(
      "| balancer | rounds | ordered to first request, ms | leave to confirmed, ms | leave to last request, "
      "ms "
      "| requests | failed | reloads |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n");
  for (const std::string mode : {"haproxy", "nginx"}) {
    Bed bed = MakeBed(mode);
    {
      // Further apart than nginx is reloaded, so that none waits for the one before.
      Turns turns(bed, std::chrono::milliseconds(mode == "nginx" ? 1200 : 100));
      StrictLoad load(bed.public_port, kConnections, true,
                      std::chrono::microseconds(1'000'000 * kConnections / kRate));
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
      for (int i = 0; i < rounds; ++i) {
        turns.One();
      }
      load.Stop();
      turns.Print(mode, load.done() + load.failed(), load.failed());
      met = met && (mode != "haproxy" || (load.failed() == 0 && turns.reloads() == 0));
    }
    End(bed);
  }
  return met;
}

}  // namespace drover::agent
