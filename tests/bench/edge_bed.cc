#include "tests/bench/edge_bed.h"

#include <signal.h>
#include <time.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "agent/runtime/edge/haproxy/haproxy.h"
#include "agent/runtime/edge/nginx/nginx.h"
#include "agent/runtime/edge/program.h"
#include "tests/contract/edge/http_load.h"

namespace drover::agent {

using drover::testing::FreePort;

Instant BenchNow() {
  timespec t{};
  clock_gettime(CLOCK_BOOTTIME, &t);
  return Instant::FromNanoseconds(int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec);
}

[[noreturn]] void Give(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  std::exit(1);
}

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

}  // namespace drover::agent
