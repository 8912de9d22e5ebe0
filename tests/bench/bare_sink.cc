// drover-bare-sink: the least that a gRPC server can do with reports: take them, parse them, add them
// up. The baseline that the controller's cost per report is compared with (tests/bench/fleet.sh), with the
// controller's own gRPC settings.
//
//   drover-bare-sink [--listen 127.0.0.1:0]     prints "listening on PORT", ends on SIGTERM with the sums
#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/synchronization/mutex.h"
#include "drover/v1/agent.grpc.pb.h"

namespace drover::sink {
namespace {

struct Sums {
  std::atomic<uint64_t> reports{0};
  std::atomic<uint64_t> cpu_milli{0};
  std::atomic<uint64_t> memory_kib{0};
};

class Stream : public grpc::ServerBidiReactor<v1::AgentMessage, v1::ControllerMessage> {
 public:
  explicit Stream(Sums& sums) : sums_(sums) { StartRead(&incoming_); }

  void OnReadDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::OK);
      return;
    }
    if (incoming_.has_hello()) {
      v1::Welcome& welcome = *outgoing_.mutable_welcome();
      welcome.set_cluster_id("sink");
      welcome.set_epoch(1);
      welcome.set_protocol(v1::PROTOCOL_VERSION_1);
      welcome.set_report_interval_ms(1000);
      welcome.set_settled(true);
      StartWrite(&outgoing_);
    } else if (incoming_.has_report()) {
      Add(incoming_.report());
    }
    StartRead(&incoming_);
  }

  void OnDone() override { delete this; }

 private:
  void Add(const v1::Report& report) {
    uint64_t cpu = 0;
    uint64_t memory = 0;
    for (const uint32_t value : report.replicas().cpu_milli()) cpu += value;
    for (const uint32_t value : report.replicas().memory_kib()) memory += value;
    sums_.reports.fetch_add(1, std::memory_order_relaxed);
    sums_.cpu_milli.fetch_add(cpu, std::memory_order_relaxed);
    sums_.memory_kib.fetch_add(memory, std::memory_order_relaxed);
  }

  Sums& sums_;
  v1::AgentMessage incoming_;  // one per stream, reused
  v1::ControllerMessage outgoing_;
};

class Service : public v1::AgentService::CallbackService {
 public:
  explicit Service(Sums& sums) : sums_(sums) {}

  grpc::ServerBidiReactor<v1::AgentMessage, v1::ControllerMessage>* Connect(
      grpc::CallbackServerContext* /*context*/) override {
    return new Stream(sums_);  // deletes itself in OnDone
  }

 private:
  Sums& sums_;
};

int Run(const std::string& listen) {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  Sums sums;
  Service service(sums);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(listen, grpc::InsecureServerCredentials(), &port);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    std::fprintf(stderr, "drover-bare-sink: cannot listen on %s\n", listen.c_str());
    return 1;
  }
  std::printf("listening on %d\n", port);
  std::fflush(stdout);
  int number = 0;
  sigwait(&stop, &number);
  server->Shutdown(std::chrono::system_clock::now());
  server->Wait();
  std::printf("{\"reports\":%lu,\"cpu_milli\":%lu,\"memory_kib\":%lu}\n",
              static_cast<unsigned long>(sums.reports), static_cast<unsigned long>(sums.cpu_milli),
              static_cast<unsigned long>(sums.memory_kib));
  return 0;
}

}  // namespace
}  // namespace drover::sink

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  std::string listen = "127.0.0.1:0";
  CLI::App app("Takes agents' reports, parses them and adds them up: the baseline of the fleet benchmark");
  app.add_option("--listen", listen, "HOST:PORT");
  CLI11_PARSE(app, argc, argv);
  return drover::sink::Run(listen);
}
