// Replicas replaced one after another behind each kind of balancer, under clients with keep-alive that
// count everything but a 200 as a failure. Prints a table: which balancer, how many requests, how many
// failed, how many connections the balancer closed between requests, reloads, replacements, and how long a
// replica takes from "leave" to confirmed quiet.
//   drover-edge-bench [SECONDS] [REQUESTS_PER_SECOND] [MODE ...]   MODE: haproxy nginx nginx+haproxy
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/runtime/edge/haproxy/haproxy.h"
#include "agent/runtime/edge/nginx/nginx.h"
#include "agent/runtime/edge/program.h"
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
constexpr auto kLook = std::chrono::milliseconds(50);      // as the agent while something drains
constexpr auto kBetween = std::chrono::milliseconds(500);  // replacements

Instant BenchNow() {
  timespec t{};
  clock_gettime(CLOCK_BOOTTIME, &t);
  return Instant::FromNanoseconds(int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec);
}

[[noreturn]] void Give(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  std::exit(1);
}

// One balancer with its folder and what to end afterwards.
struct Bed {
  std::string dir;
  std::unique_ptr<Edge> edge;
  uint32_t port = 0;                                         // of the edge
  uint32_t public_port = 0;                                  // to which clients go
  std::vector<std::pair<std::string, std::string>> daemons;  // pid file, mark
};

Bed MakeBed(const std::string& mode) {
  char path[] = "/tmp/drover-bench-XXXXXX";
  Bed bed{.dir = mkdtemp(path), .edge = nullptr, .port = FreePort(), .daemons = {}};
  bed.public_port = bed.port;
  absl::StatusOr<std::unique_ptr<Edge>> edge;
  if (mode == "nginx") {
    NginxOptions options;
    options.dir = bed.dir;
    options.bind = "127.0.0.1";
    edge = MakeNginxEdge(options);
    bed.daemons = {{bed.dir + "/nginx.pid", bed.dir + "/nginx.conf"}};
  } else {
    HaproxyOptions options;
    options.dir = bed.dir;
    options.bind = "127.0.0.1";
    options.behind_proxy = mode != "haproxy";
    edge = MakeHaproxyEdge(options);
    bed.daemons = {{bed.dir + "/haproxy.pid", bed.dir + "/haproxy.cfg"}};
  }
  if (!edge.ok()) {
    Give(edge.status());
  }
  bed.edge = *std::move(edge);
  return bed;
}

// As somebody's own nginx would be, with one fixed address to pass to.
void PutNginxInFront(Bed& bed) {
  bed.public_port = FreePort();
  const std::string config = bed.dir + "/front.conf";
  std::ofstream(config)
      << "worker_processes auto;\npid " << bed.dir << "/front.pid;\nerror_log " << bed.dir
      << "/front.log crit;\nevents { worker_connections 4096; }\nhttp {\n  access_log off;\n"
      << "  upstream drover { server 127.0.0.1:" << bed.port << "; keepalive 64; }\n"
      << "  server {\n    listen 127.0.0.1:" << bed.public_port
      << ";\n    location / {\n      proxy_pass http://drover;\n      proxy_http_version 1.1;\n"
      << "      proxy_set_header Connection \"\";\n    }\n  }\n}\n";
  const absl::StatusOr<std::string> program = FindProgram("nginx");
  if (!program.ok()) {
    Give(program.status());
  }
  const absl::StatusOr<RunResult> run =
      RunProgram({*program, "-c", config}, bed.dir + "/front.out", absl::Seconds(5));
  if (!run.ok() || run->exit_code != 0) {
    Give(run.ok() ? absl::InternalError(run->output) : run.status());
  }
  bed.daemons.emplace_back(bed.dir + "/front.pid", config);
}

void End(Bed& bed) {
  bed.edge.reset();
  for (const auto& [pid_file, mark] : bed.daemons) {
    if (const std::optional<int> pid = LivePid(pid_file, mark)) {
      kill(*pid, SIGTERM);
      for (int i = 0; i < 200 && LivePid(pid_file, mark); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    }
  }
  std::error_code error;
  std::filesystem::remove_all(bed.dir, error);
}

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
