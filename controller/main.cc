// drover-controller: flags → configuration → wiring → run. The only place that names every type.
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/status.h"
#include "controller/config/config.h"
#include "controller/runtime/access/access.h"
#include "controller/runtime/agent_server.h"
#include "controller/runtime/history/file_history.h"
#include "controller/runtime/http/http_server.h"
#include "controller/runtime/http/webhook.h"
#include "controller/runtime/logger.h"
#include "controller/runtime/loop.h"
#include "controller/runtime/secret_contents.h"
#include "controller/runtime/sqlite_store.h"
#include "controller/runtime/xds/xds_server.h"

namespace drover::controller {
namespace {

struct Flags {
  std::string config;
  bool check = false;
  bool version = false;
  std::vector<Override> overrides;
};

LogLevel ToLogLevel(const std::string& name) {
  if (name == "debug") {
    return LogLevel::kDebug;
  }
  if (name == "warning") {
    return LogLevel::kWarning;
  }
  return name == "error" ? LogLevel::kError : LogLevel::kInfo;
}

// One connection an agent: the usual soft limit of 1024 would end at about a thousand.
void RaiseFileLimit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  Log(LogLevel::kInfo, "open files", {{"limit", absl::StrCat(limit.rlim_cur)}});
}

uint64_t RandomSeed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

// Blocked in every thread that is made later, so that only sigwait sees them.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

std::optional<TlsFiles> ToTlsFiles(const Config& config) {
  if (!config.tls.has_value()) {
    return std::nullopt;
  }
  return TlsFiles{.certificate = config.tls->cert, .key = config.tls->key, .ca = config.tls->ca};
}

AccessControl::Options ToAccessOptions(const Config& config) {
  AccessControl::Options options;
  options.state_dir = config.state_dir;
  options.own_authority = config.own_tls_grpc || config.own_tls_http || config.own_tls_xds;
  options.files = ToTlsFiles(config);
  options.names = config.advertise;
  for (const std::string& listen : {config.grpc_listen, config.http_listen, config.xds_listen}) {
    const Address address = *ParseAddress(listen);
    if (address.host != "0.0.0.0" && address.host != "::") {
      options.names.push_back(address.host);
    }
  }
  options.certificate_life = config.certificate_life;
  options.audit_keep = config.audit_keep;
  options.tokens_needed = config.token_needed;
  return options;
}

// On loopback the CLI needs no certificate; beyond it whoever calls shows a token, for who may call the API
// may run containers.
HttpServer::Options ToHttpOptions(const Config& config, HistoryLog* history, AccessControl* access) {
  const Address address = *ParseAddress(config.http_listen);
  HttpServer::Options options;
  options.address = address.host;
  options.port = address.port;
  options.history = history;
  options.access = access;
  options.token_needed = config.token_needed;
  if (config.own_tls_http || (config.tls.has_value() && !IsLoopback(address.host))) {
    options.certificate = access->certificate();
  }
  if (!config.metrics_listen.empty()) {
    const Address observation = *ParseAddress(config.metrics_listen);
    options.observation_address = observation.host;
    options.observation_port = observation.port;
  }
  return options;
}

FileHistory::Options ToHistoryOptions(const Config& config) {
  FileHistory::Options options;
  options.directory = config.state_dir + "/history";
  options.max_bytes = config.history.max_bytes.value();
  options.full_for = config.history.full_for;
  options.keep = config.history.keep;
  return options;
}

// By files wherever agents connect from, else by the own authority.
AgentServer::Options ToAgentOptions(const Config& config, AccessControl& access) {
  AgentServer::Options options;
  options.listen = config.grpc_listen;
  options.tls = config.own_tls_grpc ? std::optional(access.certificate()->files()) : ToTlsFiles(config);
  options.membership = access.membership();
  options.audit = &access.audit();
  options.report_interval = config.core.report_interval;
  return options;
}

// With files as HTTP: on loopback clients need no certificate. With the own authority clients show a node's.
XdsServer::Options ToXdsOptions(const Config& config, Loop* loop, AccessControl& access) {
  XdsServer::Options options;
  options.listen = config.xds_listen;
  options.remembered = config.xds_remember;
  if (!IsLoopback(ParseAddress(config.xds_listen)->host)) {
    options.tls = ToTlsFiles(config);
  }
  if (config.own_tls_xds) {
    options.tls = access.certificate()->files();
    options.admit = [members = access.membership()](const std::string& certificate) {
      return members->Admit(certificate);
    };
  }
  options.wait_view = [loop](const View* than, Duration timeout) { return loop->WaitView(than, timeout); };
  options.post = [loop](Event event) { loop->Post(std::move(event)); };
  return options;
}

std::vector<std::unique_ptr<Webhook>> StartWebhooks(const Config& config, Loop* loop) {
  std::vector<std::unique_ptr<Webhook>> webhooks;
  for (const Config::Webhook& one : config.webhooks) {
    Webhook::Options options;
    options.name = one.name;
    options.url = one.url;
    options.secret_file = one.secret_file;
    options.wait_view = [loop](const View* than, Duration timeout) { return loop->WaitView(than, timeout); };
    options.post = [loop](Event event) { loop->Post(std::move(event)); };
    webhooks.push_back(std::make_unique<Webhook>(std::move(options)));
  }
  return webhooks;
}

absl::Status Run(const Config& config, const sigset_t& stop_signals) {
  RaiseFileLimit();
  SqliteStore sqlite(config.state_dir);
  SecretContents secrets;
  SecretWatchingStore store(&sqlite, &secrets);
  ASSIGN_OR_RETURN(StateStore::Opened opened, store.Open());
  Log(LogLevel::kInfo, "state read",
      {{"dir", config.state_dir},
       {"cluster", opened.state.cluster.value()},
       {"epoch", absl::StrCat(opened.epoch.value())},
       {"stacks", absl::StrCat(opened.state.stacks.size())},
       {"replicas", absl::StrCat(opened.state.replicas.size())},
       {"nodes", absl::StrCat(opened.state.nodes.size())}});

  ASSIGN_OR_RETURN(const std::unique_ptr<AccessControl> access, AccessControl::Open(ToAccessOptions(config)));

  Loop* loop_for_agents = nullptr;
  AgentServer::Options server_options = ToAgentOptions(config, *access);
  server_options.secrets = &secrets;
  server_options.post = [&loop_for_agents](Event event, bool quiet) {
    loop_for_agents->Post(std::move(event), quiet);
  };
  const std::unique_ptr<AgentServer> agents = AgentServer::Create(std::move(server_options));
  if (access->membership() != nullptr) {
    access->membership()->OnRevoked(
        [&agents](const NodeId& node) { agents->Cut(node, "this node was removed from the cluster"); });
  }

  FileHistory history(ToHistoryOptions(config));

  Loop::Options loop_options;
  loop_options.core = config.core;
  loop_options.events_kept = config.events_kept;
  loop_options.send = [&agents](Order order) { agents->Send(std::move(order)); };
  loop_options.record = [&history](std::vector<HistoryItem> items, std::vector<EventRecord> events) {
    return history.Record(std::move(items), std::move(events));
  };
  // Destroyed before `agents`: what it still carries out needs them.
  Loop loop(std::move(loop_options), &store, std::move(opened), RandomSeed());
  loop_for_agents = &loop;
  HttpServer::Options http_options = ToHttpOptions(config, &history, access.get());
  http_options.agents_port = [&agents] { return agents->port(); };
  HttpServer http(std::move(http_options), &loop, agents.get());
  RETURN_IF_ERROR(http.Start());
  RETURN_IF_ERROR(agents->Listen());
  ASSIGN_OR_RETURN(const std::unique_ptr<XdsServer> xds,
                   XdsServer::Start(ToXdsOptions(config, &loop, *access)));
  const std::vector<std::unique_ptr<Webhook>> webhooks = StartWebhooks(config, &loop);
  const auto ready = [](absl::string_view what, int port) {
    Log(LogLevel::kInfo, absl::StrCat("ready for ", what), {{"port", absl::StrCat(port)}});
  };
  ready("callers", http.port());
  ready("agents", agents->port());
  ready("xDS", xds->port());
  if (!config.metrics_listen.empty()) {
    ready("monitoring", http.observation_port());
  }

  int signal = 0;
  sigwait(&stop_signals, &signal);
  Log(LogLevel::kInfo, "stopping", {{"signal", strsignal(signal)}});
  // Each waits a moment for what is under way; together, so that the whole takes no longer.
  std::thread stop_http([&http] { http.Stop(); });
  std::thread stop_xds([&xds] { xds->Stop(); });
  agents->Stop();
  stop_http.join();
  stop_xds.join();
  return absl::OkStatus();
}

int Main(const Flags& flags) {
  if (flags.version) {
    std::printf("drover-controller %s\n", DROVER_VERSION);
    return 0;
  }
  const absl::StatusOr<Config> config = Load(flags.config, flags.overrides);
  if (!config.ok()) {
    std::fprintf(stderr, "%s\n", std::string(config.status().message()).c_str());
    return 1;
  }
  if (flags.check) {
    std::printf("%s: the configuration is valid\n", flags.config.empty() ? "defaults" : flags.config.c_str());
    return 0;
  }
  SetUpLog(ToLogLevel(config->log_level), config->log_json);
  if (config->plain_beyond_loopback) {
    Log(LogLevel::kWarning, "tls is off beyond loopback: whoever reaches the ports can run containers",
        {{"grpc", config->grpc_listen}, {"http", config->http_listen}, {"xds", config->xds_listen}});
  }
  const sigset_t stop_signals = BlockStopSignals();
  if (const absl::Status status = Run(*config, stop_signals); !status.ok()) {
    Log(LogLevel::kError, "can't run", {{"reason", std::string(status.message())}});
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace drover::controller

int main(int argc, char** argv) {
  // Debian's abseil checks lock order at run time; that costs a tenth of the controller's CPU.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  drover::controller::Flags flags;
  CLI::App app("Decides what runs where; agents connect to it.", "drover-controller");
  app.add_option("--config", flags.config, "configuration file (YAML)");
  app.add_flag("--check", flags.check, "check the configuration and exit");
  app.add_flag("--version", flags.version, "print the version and exit");
  const auto add_override = [&](const std::string& flag, const std::string& key, const std::string& text) {
    app.add_option_function<std::string>(
        flag,
        [&flags, flag, key](const std::string& value) {
          flags.overrides.push_back({.key = key, .value = value, .flag = flag});
        },
        text);
  };
  add_override("--state-dir", "state_dir", "directory of the state, above the file's state_dir");
  add_override("--grpc-listen", "grpc.listen", "ADDRESS:PORT for agents");
  add_override("--http-listen", "http.listen", "ADDRESS:PORT for the API");
  add_override("--xds-listen", "xds.listen", "ADDRESS:PORT for xDS clients");
  CLI11_PARSE(app, argc, argv);
  return drover::controller::Main(flags);
}
