// drover-agent: flags, configuration, wiring, run until told to stop.
#include <absl/synchronization/mutex.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <thread>

#include "agent/config/config.h"
#include "agent/runtime/agent.h"
#include "agent/runtime/edge/haproxy/process.h"
#include "agent/runtime/edge/nginx/process.h"
#include "agent/runtime/membership.h"
#include "common/files.h"

namespace {

// A worker may sit in a call to the engine; all that matters is on disk already.
constexpr auto kLongestGoodbye = std::chrono::seconds(5);

// Two descriptors per replica and more for connections: the usual 1024 would do for 300 of them.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return 1;
}

void GuardFile(const std::string& file, drover::agent::Config& config) {
  if (!file.empty()) {
    config.policy.guarded.push_back(
        {std::filesystem::absolute(file).lexically_normal().string(), "the agent's configuration"});
  }
}

absl::StatusOr<drover::agent::Config> LoadConfig(const std::string& file,
                                                 drover::agent::Overrides overrides) {
  std::string text;
  if (!file.empty()) {
    absl::StatusOr<std::string> read = drover::ReadWhole(file);
    if (!read.ok()) {
      return read.status();
    }
    text = *std::move(read);
  }
  const std::string name = file.empty() ? "command line" : file;
  overrides.member = true;
  absl::StatusOr<drover::agent::Config> config = drover::agent::ParseConfig(text, name, overrides);
  if (!config.ok()) {
    return config;
  }
  if (!config->join.empty()) {
    GuardFile(file, *config);
    return config;
  }
  const auto membership = drover::agent::LoadMembership(config->state_dir);
  if (!membership.ok()) {
    return membership.status();
  }
  // Where no cluster was joined, all that a connection needs must be written.
  overrides.member = membership->has_value();
  config = drover::agent::ParseConfig(text, name, overrides);
  if (config.ok()) {
    GuardFile(file, *config);
  }
  return config;
}

}  // namespace

int main(int argc, char** argv) {
  // Not for people: what an agent starts beside its load balancer.
  if (argc == 5 && std::string_view(argv[1]) == "keep-edge") {
    return std::string_view(argv[2]) == "nginx" ? drover::agent::KeepNginx(argv[3], argv[4])
                                                : drover::agent::KeepHaproxy(argv[3], argv[4]);
  }
  // Debian's abseil looks for lock-order cycles in every build; it costs 10 % of a report.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  CLI::App app{"Runs and watches the replicas of one Docker host for a drover-controller."};
  std::string file;
  bool check = false;
  drover::agent::Overrides overrides;
  app.add_option("--config", file, "agent.yaml");
  app.add_flag("--check", check, "read the configuration, say what is wrong, and exit");
  app.add_option("--join", overrides.join,
                 "TOKEN@HOST[:7401]: join that cluster; the token is from "
                 "`drover token create --node`");
  app.add_option("--controller", overrides.controller, "host:port, several with commas");
  app.add_option("--state-dir", overrides.state_dir, "folder for node id and assignment");
  app.add_option("--name", overrides.name, "of this node, for people");
  app.add_option("--advertise-address", overrides.advertise_address, "where others reach this host");
  app.add_option("--edge", overrides.edge, "haproxy or nginx: run a load balancer on this host");
  app.set_version_flag("--version", std::string("drover-agent ") + DROVER_VERSION);
  CLI11_PARSE(app, argc, argv);

  // Blocked before any thread exists, so that all inherit it and only sigwait sees them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  absl::StatusOr<drover::agent::Config> config = LoadConfig(file, overrides);
  if (!config.ok()) {
    return Fail(config.status());
  }
  if (check) {
    std::printf("%s: fine\n", file.empty() ? "command line" : file.c_str());
    return 0;
  }
  RaiseDescriptorLimit();
  if (config->tls_off) {
    spdlog::warn("tls: off, the connection to the controller is neither encrypted nor authenticated");
  }
  absl::StatusOr<std::unique_ptr<drover::agent::Agent>> agent = drover::agent::Agent::Start(*config);
  if (!agent.ok()) {
    return Fail(agent.status());
  }
  int received = 0;
  sigwait(&signals, &received);
  spdlog::info("stopping; containers and load balancer are left as they are");
  std::thread([] {
    std::this_thread::sleep_for(kLongestGoodbye);
    std::_Exit(0);
  }).detach();
  agent->reset();
  return 0;
}
