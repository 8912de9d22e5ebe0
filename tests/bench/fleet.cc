// drover-fleet: many agents in one process, each with a TCP connection and a stream of its own, for load
// tests of a real controller.
//
//   drover-fleet --controller HOST:PORT [--agents 2000] [--rate 1] [--replicas 20] [--seconds 30] [--ramp 10]
//                [--warmup 5] [--server-pid PID]
//
// Every agent says Hello, then sends `rate` reports a second, spread evenly over the second. It plays
// what it is assigned: replicas are ready at once, removals are confirmed, every image is present. While it
// is assigned none it reports `replicas` invented ones. Prints one JSON object; with --server-pid also the
// CPU time that the process used in the measured time, per report. Exit code 1 when not all agents were
// welcomed.
#include <grpcpp/grpcpp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "drover/v1/agent.grpc.pb.h"

namespace drover::fleet {
namespace {

struct Options {
  std::string controller = "127.0.0.1:7400";
  int agents = 2000;
  double rate = 1;
  int replicas = 20;
  double seconds = 30;
  double ramp = 10;
  double warmup = 5;
  int server_pid = 0;
};

struct Counters {
  std::atomic<int64_t> welcomed{0};
  std::atomic<int64_t> refused{0};
  std::atomic<int64_t> ended{0};
  std::atomic<int64_t> sent{0};
  std::atomic<int64_t> skipped{0};  // due while the one before was still on its way out
  std::atomic<int64_t> assignments{0};
  std::atomic<int64_t> assigned{0};  // replicas, over all agents
};

int64_t BootNs() {
  timespec t{};
  clock_gettime(CLOCK_BOOTTIME, &t);
  return static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

// One agent. Its own callbacks and the sending thread meet under the mutex.
class Agent : public grpc::ClientBidiReactor<v1::AgentMessage, v1::ControllerMessage> {
 public:
  Agent(int number, const Options& options, Counters& counters)
      : number_(number), options_(options), counters_(counters) {}

  void Connect() {
    grpc::ChannelArguments args;
    args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    args.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    stub_ = v1::AgentService::NewStub(
        grpc::CreateCustomChannel(options_.controller, grpc::InsecureChannelCredentials(), args));
    stub_->async()->Connect(&context_, this);
    StartRead(&incoming_);
    StartCall();
    const std::lock_guard lock(mutex_);
    FillHello(*urgent_.emplace_back().mutable_hello());
    WriteNext();
  }

  void Cancel() { context_.TryCancel(); }

  // A report, unless the last message is still being written.
  void Report() {
    const std::lock_guard lock(mutex_);
    if (!welcomed_ || done_) return;
    if (writing_) {
      ++counters_.skipped;
      return;
    }
    v1::Report& report = *outgoing_.mutable_report();
    FillReport(report);
    writing_ = true;
    ++counters_.sent;
    StartWrite(&outgoing_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    Receive();
    StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (ok) WriteNext();
  }

  void OnDone(const grpc::Status&) override {
    const std::lock_guard lock(mutex_);
    done_ = true;
    ++counters_.ended;
  }

 private:
  std::string Name(const char* kind) const { return absl::StrFormat("%s-%05d", kind, number_); }

  void FillHello(v1::Hello& hello) const {
    hello.set_node_id(absl::StrFormat("%016x", 0xf1ee700000000000 + static_cast<uint64_t>(number_)));
    hello.set_name(Name("fleet"));
    hello.set_boot_id(Name("boot"));
    hello.set_engine_id(Name("engine"));
    hello.set_protocol_min(v1::PROTOCOL_VERSION_1);
    hello.set_protocol_max(v1::PROTOCOL_VERSION_1);
    hello.set_version("fleet");
    hello.mutable_capacity()->set_cpu_milli(16000);
    hello.mutable_capacity()->set_memory_bytes(int64_t{64} << 30);
    hello.set_advertise_address("127.0.0.1");
    hello.set_port_first(20000);
    hello.set_port_last(29999);
    hello.set_boottime_ns(BootNs());
    hello.mutable_engine()->set_version("20.10.24");
    hello.mutable_engine()->set_api_version("1.41");
    hello.mutable_engine()->set_cgroup_version(2);
  }

  // Twenty replicas with CPU, memory, busy and backlog: what a working host says every second.
  void FillReport(v1::Report& report) {
    report.set_sequence(++sequence_);
    report.set_boottime_ns(BootNs());
    report.set_applied_epoch(epoch_);
    report.set_applied_revision(revision_);
    report.set_full(sequence_ == 1);
    report.clear_removed();
    for (const uint64_t id : removed_) report.add_removed(id);
    v1::ReplicaColumns& columns = *report.mutable_replicas();
    columns.Clear();
    if (handles_.empty()) {
      for (int i = 1; i <= options_.replicas; ++i) FillRow(columns, static_cast<uint32_t>(i));
    }
    for (const auto& [id, handle] : handles_) FillRow(columns, handle);
    v1::HostSample& host = *report.mutable_host();
    host.set_cpu_milli(1200);
    host.set_cpu_count(16);
    host.set_memory_total_bytes(int64_t{64} << 30);
    host.set_memory_available_bytes(int64_t{40} << 30);
    host.set_containers(static_cast<uint32_t>(columns.handle_size()));
  }

  void FillRow(v1::ReplicaColumns& columns, uint32_t handle) const {
    columns.add_handle(handle);
    columns.add_state(v1::READY);
    columns.add_cpu_milli(100 + (handle * 7 + static_cast<uint32_t>(sequence_)) % 50);
    columns.add_memory_kib(40000 + handle);
    columns.add_busy(handle % 3);
    columns.add_backlog(0);
    columns.add_age_ms(20);
  }

  void Receive() {
    const std::lock_guard lock(mutex_);
    switch (incoming_.message_case()) {
      case v1::ControllerMessage::kWelcome:
        welcomed_ = true;
        epoch_ = incoming_.welcome().epoch();
        ++counters_.welcomed;
        break;
      case v1::ControllerMessage::kRefuse:
        if (counters_.refused++ == 0)
          std::fprintf(stderr, "refused: %s\n", incoming_.refuse().message().c_str());
        break;
      case v1::ControllerMessage::kAssignment:
        Apply(incoming_.assignment());
        break;
      case v1::ControllerMessage::kImageRequest: {
        v1::ImageResult& result = *urgent_.emplace_back().mutable_image_result();
        result.set_request(incoming_.image_request().request());
        result.set_image(incoming_.image_request().image());
        result.set_present(true);
        result.set_image_id("sha256:" + std::string(64, 'f'));
        WriteNext();
        break;
      }
      default:
        break;
    }
  }

  void Apply(const v1::Assignment& assignment) {
    ++counters_.assignments;
    const int64_t before = static_cast<int64_t>(handles_.size());
    if (assignment.base_revision() == 0) {
      handles_.clear();
      removed_.clear();
    }
    for (const v1::RunReplica& run : assignment.run()) handles_[run.replica_id()] = run.handle();
    for (const v1::RemoveReplica& remove : assignment.remove()) {
      handles_.erase(remove.replica_id());
      removed_.insert(remove.replica_id());
    }
    for (const uint64_t id : assignment.forget()) {
      handles_.erase(id);
      removed_.erase(id);
    }
    epoch_ = assignment.epoch();
    revision_ = assignment.revision();
    counters_.assigned += static_cast<int64_t>(handles_.size()) - before;
  }

  // Holding the mutex: starts writing the next message that cannot wait for a report.
  void WriteNext() {
    if (writing_ || done_ || urgent_.empty()) return;
    outgoing_ = std::move(urgent_.front());
    urgent_.erase(urgent_.begin());
    writing_ = true;
    StartWrite(&outgoing_);
  }

  const int number_;
  const Options& options_;
  Counters& counters_;
  std::unique_ptr<v1::AgentService::Stub> stub_;
  grpc::ClientContext context_;
  v1::ControllerMessage incoming_;

  std::mutex mutex_;
  v1::AgentMessage outgoing_;
  std::vector<v1::AgentMessage> urgent_;
  bool writing_ = false;
  bool welcomed_ = false;
  bool done_ = false;
  uint64_t sequence_ = 0;
  uint64_t epoch_ = 0;
  uint64_t revision_ = 0;
  std::map<uint64_t, uint32_t> handles_;  // replica id -> handle
  std::set<uint64_t> removed_;
};

// User and system time of a process so far, in seconds; -1: no such process.
double CpuSeconds(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const size_t end = text.rfind(") ");
  if (end == std::string::npos) return -1;
  std::istringstream fields(text.substr(end + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

// Resident memory of a process in KiB; 0: no such process.
int64_t RssKib(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
  int64_t total = 0;
  int64_t resident = 0;
  file >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE) / 1024;
}

using Clock = std::chrono::steady_clock;

Clock::time_point After(double seconds) {
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

// Sends the reports of all agents, evenly spread, until `end`.
void SendReports(const std::vector<std::unique_ptr<Agent>>& agents, double rate, Clock::time_point end) {
  const std::chrono::duration<double> step(1 / rate / static_cast<double>(agents.size()));
  const Clock::time_point start = Clock::now();
  for (int64_t i = 0;; ++i) {
    const auto due = start + std::chrono::duration_cast<Clock::duration>(step * static_cast<double>(i));
    if (due >= end) return;
    std::this_thread::sleep_until(due);
    agents[static_cast<size_t>(i) % agents.size()]->Report();
  }
}

void RaiseDescriptorLimit(int agents) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < static_cast<rlim_t>(agents) + 100) {
    std::fprintf(stderr, "drover-fleet: %d agents need more descriptors than the limit of %lu (ulimit -n)\n",
                 agents, static_cast<unsigned long>(limit.rlim_cur));
    std::exit(2);
  }
}

int Run(const Options& options) {
  RaiseDescriptorLimit(options.agents);
  Counters counters;
  std::vector<std::unique_ptr<Agent>> agents;
  for (int i = 0; i < options.agents; ++i) agents.push_back(std::make_unique<Agent>(i, options, counters));
  // Who is connected reports while the others still connect: nobody is silent, as in a real cluster.
  // Not measured: the first reports, and the assignments that answer them.
  std::thread reporting([&] { SendReports(agents, options.rate, After(options.ramp + options.warmup)); });
  for (const auto& agent : agents) {
    agent->Connect();
    std::this_thread::sleep_for(std::chrono::duration<double>(options.ramp / options.agents));
  }
  reporting.join();
  const int64_t welcomed = counters.welcomed;

  const int64_t sent_before = counters.sent;
  const double cpu_before = CpuSeconds(options.server_pid);
  const Clock::time_point start = Clock::now();
  SendReports(
      agents, options.rate,
      start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.seconds)));
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  const int64_t sent = counters.sent - sent_before;
  const double cpu = CpuSeconds(options.server_pid) - cpu_before;
  std::printf(
      "{\"agents\":%d,\"welcomed\":%ld,\"refused\":%ld,\"lost\":%ld,\"assigned\":%ld,\"assignments\":%ld,"
      "\"reports\":%ld,\"skipped\":%ld,\"seconds\":%.2f,\"rate\":%.1f",
      options.agents, static_cast<long>(welcomed), static_cast<long>(counters.refused),
      static_cast<long>(counters.ended), static_cast<long>(counters.assigned),
      static_cast<long>(counters.assignments), static_cast<long>(sent), static_cast<long>(counters.skipped),
      seconds, static_cast<double>(sent) / seconds);
  if (options.server_pid != 0 && sent > 0) {
    std::printf(",\"server_cpu_us_per_report\":%.1f,\"server_cpu_percent\":%.1f,\"server_rss_kib\":%ld",
                cpu * 1e6 / static_cast<double>(sent), cpu / seconds * 100,
                static_cast<long>(RssKib(options.server_pid)));
  }
  std::printf("}\n");
  const bool all = welcomed == options.agents && counters.ended == 0;
  for (const auto& agent : agents) agent->Cancel();
  for (int i = 0; i < 500 && counters.ended < options.agents; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  std::fflush(stdout);
  _exit(all ? 0 : 1);  // without tearing down thousands of channels one by one
}

}  // namespace
}  // namespace drover::fleet

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  drover::fleet::Options options;
  CLI::App app("Many agents in one process, for load tests of a controller");
  app.add_option("--controller", options.controller, "HOST:PORT of its gRPC listener");
  app.add_option("--agents", options.agents, "how many")->check(CLI::Range(1, 60000));
  app.add_option("--rate", options.rate, "reports a second and agent")->check(CLI::Range(0.01, 100.0));
  app.add_option("--replicas", options.replicas, "invented replicas while none are assigned")
      ->check(CLI::Range(0, 1000));
  app.add_option("--seconds", options.seconds, "measured time")->check(CLI::Range(0.1, 86400.0));
  app.add_option("--ramp", options.ramp, "seconds over which the agents connect")
      ->check(CLI::Range(0.0, 600.0));
  app.add_option("--warmup", options.warmup, "seconds of reports before the measured ones")
      ->check(CLI::Range(0.0, 600.0));
  app.add_option("--server-pid", options.server_pid, "process whose CPU time is measured");
  CLI11_PARSE(app, argc, argv);
  return drover::fleet::Run(options);
}
