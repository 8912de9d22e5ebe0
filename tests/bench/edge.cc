// Replicas replaced one after another behind each kind of balancer, under clients with keep-alive that
// count everything but a 200 as a failure. Prints a table: which balancer, how many requests, how many
// failed, how many connections the balancer closed between requests, reloads, replacements, and how long a
// replica takes from "leave" to confirmed quiet.
//   drover-edge-bench [SECONDS] [REQUESTS_PER_SECOND] [MODE ...]   MODE: haproxy nginx nginx+haproxy
//   drover-edge-bench change [ROUNDS] [BACKENDS]                   edge_change.h says what it prints
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/edge_bed.h"
#include "tests/bench/edge_change.h"
#include "tests/contract/edge/http_load.h"

namespace drover::agent {
namespace {

using drover::testing::Fetch;
using drover::testing::FreePort;
using drover::testing::HttpBackend;
using drover::testing::StrictLoad;
using SteadyClock = std::chrono::steady_clock;

constexpr int kConnections = 20;
constexpr size_t kReplicas = 3;
constexpr auto kBetween = std::chrono::milliseconds(500);  // replacements

// What the controller does with one set.
class Replacer {
 public:
  explicit Replacer(Bed& bed) : edge_(*bed.edge) {
    set_.handle = 1;
    set_.service = "web";
    set_.http = true;
    set_.slots = 6;
    set_.epoch = Epoch(1);
    set_.listeners = {{.bind = "127.0.0.1", .port = bed.port, .host = "", .path = "", .tls_path = ""}};
    for (size_t i = 0; i < kReplicas; ++i) {
      live_.push_back(std::make_unique<HttpBackend>());
    }
    Want(nullptr);
    Until([this] { return Applied(); });
  }

  // A new one enters, the oldest leaves, is awaited quiet in two looks, and is cut off.
  std::chrono::milliseconds ReplaceOne() {
    std::unique_ptr<HttpBackend> old = std::move(live_.front());
    live_.pop_front();
    live_.push_back(std::make_unique<HttpBackend>());
    const auto start = SteadyClock::now();
    Want(old.get());
    int quiet = 0;
    Until([&] {
      quiet = Applied() && Quiet(ReplicaId(old->port())) ? quiet + 1 : 0;
      return quiet > 2;
    });
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(SteadyClock::now() - start);
    Want(nullptr);
    return took;
  }

  uint64_t reloads() const { return state_.reloads; }

 private:
  void Want(const HttpBackend* leaving) {
    set_.backends.clear();
    for (const std::unique_ptr<HttpBackend>& backend : live_) {
      Add(*backend, false);
    }
    if (leaving != nullptr) {
      Add(*leaving, true);
    }
    set_.revision = Revision(set_.revision.value() + 1);
    edge_.SetDesired({set_});
    state_ = edge_.Reconcile(BenchNow());
  }

  void Add(const HttpBackend& backend, bool drain) {
    set_.backends.push_back({.replica = ReplicaId(backend.port()),
                             .address = "127.0.0.1",
                             .port = backend.port(),
                             .drain = drain});
  }

  bool Applied() const {
    return !state_.sets.empty() && state_.sets.front().applied_revision == set_.revision;
  }

  bool Quiet(ReplicaId id) const {
    const std::vector<EdgeServerState>& servers = state_.sets.front().servers;
    return std::any_of(servers.begin(), servers.end(), [&](const EdgeServerState& server) {
      return server.replica == id && server.in_flight == 0;
    });
  }

  void Until(const std::function<bool()>& done) {
    while (!done()) {
      std::this_thread::sleep_for(kLook);
      state_ = edge_.Reconcile(BenchNow());
    }
  }

  Edge& edge_;
  EdgeSet set_;
  EdgeState state_;
  std::deque<std::unique_ptr<HttpBackend>> live_;
};

void Measure(const std::string& mode, int seconds, int rate) {
  Bed bed = MakeBed(mode);
  {
    Replacer replacer(bed);
    if (mode == "nginx+haproxy") {
      PutNginxInFront(bed);
    }
    for (int i = 0; i < 100 && Fetch(bed.public_port) != 200; ++i) {
      std::this_thread::sleep_for(kLook);
    }
    StrictLoad load(bed.public_port, kConnections, true,
                    std::chrono::microseconds(1'000'000 * kConnections / rate));
    std::vector<int64_t> took;
    const auto end = SteadyClock::now() + std::chrono::seconds(seconds);
    while (SteadyClock::now() < end) {
      took.push_back(replacer.ReplaceOne().count());
      std::this_thread::sleep_for(kBetween);
    }
    load.Stop();
    std::sort(took.begin(), took.end());
    std::printf("| %-13s | %7llu | %6llu | %10llu | %7llu | %12zu | %10lld | %7lld |\n", mode.c_str(),
                static_cast<unsigned long long>(load.done() + load.failed()),
                static_cast<unsigned long long>(load.failed()),
                static_cast<unsigned long long>(load.reconnected()),
                static_cast<unsigned long long>(replacer.reloads()), took.size(),
                static_cast<long long>(took[took.size() / 2]), static_cast<long long>(took.back()));
    std::fflush(stdout);
  }
  End(bed);
}

}  // namespace
}  // namespace drover::agent

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  if (argc > 1 && std::string(argv[1]) == "change") {
    const int rounds = argc > 2 ? std::atoi(argv[2]) : 50;
    const int backends = argc > 3 ? std::atoi(argv[3]) : 1000;
    const bool turns = drover::agent::MeasureTurns(rounds);
    const bool many = drover::agent::MeasureMany(static_cast<uint32_t>(backends));
    return turns && many ? 0 : 1;
  }
  const int seconds = argc > 1 ? std::atoi(argv[1]) : 30;
  const int rate = argc > 2 ? std::atoi(argv[2]) : 1000;
  std::vector<std::string> modes(argv + std::min(argc, 3), argv + argc);
  if (modes.empty()) {
    modes = {"nginx", "nginx+haproxy", "haproxy"};
  }
  std::printf(
      "| balancer      | requests | failed | reconnects | reloads | replacements | leave p50 ms | max ms |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- |\n");
  for (const std::string& mode : modes) {
    drover::agent::Measure(mode, seconds, rate);
  }
  return 0;
}
