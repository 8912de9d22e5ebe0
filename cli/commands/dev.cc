// dev: controller and agent with its edge on this machine, on loopback, for trying things out.
#include <fcntl.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <ostream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "cli/session.h"

namespace drover::cli {
namespace {

namespace fs = std::filesystem;

struct DevFlags {
  std::string state_dir;
  uint32_t http_port = 7401;
  uint32_t grpc_port = 7400;
  bool no_edge = false;
};

volatile sig_atomic_t stop_requested = 0;

void OnStopSignal(int /*signal*/) { stop_requested = 1; }

// One child with its output in a log file. Sent SIGTERM and waited for by Stop.
class Child {
 public:
  Child(std::string name, std::string log) : name_(std::move(name)), log_(std::move(log)) {}

  absl::Status Start(const std::vector<std::string>& command) {
    if (access(command[0].c_str(), X_OK) != 0) {
      return absl::NotFoundError(absl::StrCat(command[0], ": ", std::strerror(errno),
                                              "; it must lie in the same directory as drover"));
    }
    pid_ = fork();
    if (pid_ < 0) {
      return absl::InternalError(absl::StrCat("cannot start ", name_, ": ", std::strerror(errno)));
    }
    if (pid_ == 0) {
      Become(command);
    }
    return absl::OkStatus();
  }

  // True while it runs; reaps it otherwise.
  bool Running() {
    if (pid_ > 0 && waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
    }
    return pid_ > 0;
  }

  void Stop() {
    if (Running()) {
      kill(pid_, SIGTERM);
      waitpid(pid_, nullptr, 0);
      pid_ = -1;
    }
  }

  // Its last words.
  std::string Tail() const {
    std::ifstream file(log_);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) {
      lines.push_back(line);
    }
    std::string out;
    for (size_t i = lines.size() > 5 ? lines.size() - 5 : 0; i < lines.size(); ++i) {
      absl::StrAppend(&out, "  ", lines[i], "\n");
    }
    return out;
  }

  const std::string& name() const { return name_; }

  const std::string& log() const { return log_; }

 private:
  [[noreturn]] void Become(const std::vector<std::string>& command) const {
    // A group of its own: Ctrl-C reaches drover, which stops its children in order.
    setpgid(0, 0);
    const int log = open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    std::vector<char*> arguments;
    for (const std::string& word : command) {
      arguments.push_back(const_cast<char*>(word.c_str()));
    }
    arguments.push_back(nullptr);
    execv(arguments[0], arguments.data());
    _exit(127);
  }

  std::string name_;
  std::string log_;
  pid_t pid_ = -1;
};

bool InPath(const std::map<std::string, std::string>& environment, const std::string& program) {
  auto path = environment.find("PATH");
  std::string all = path == environment.end() ? "" : path->second;
  for (absl::string_view dir :
       absl::StrSplit(absl::StrCat(all, ":/usr/sbin:/sbin"), ':', absl::SkipEmpty())) {
    if (access(absl::StrCat(dir, "/", program).c_str(), X_OK) == 0) {
      return true;
    }
  }
  return false;
}

// Where replicas of this host are reached from it: the address of Docker's bridge, which no other host
// reaches and for which docker-proxy is not needed; loopback where there is none.
std::string BridgeAddress() {
  std::string address = "127.0.0.1";
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) {
    return address;
  }
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    char text[NI_MAXHOST];
    if (std::string(one->ifa_name) == "docker0" && one->ifa_addr != nullptr &&
        one->ifa_addr->sa_family == AF_INET &&
        getnameinfo(one->ifa_addr, sizeof(sockaddr_in), text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0) {
      address = text;
    }
  }
  freeifaddrs(all);
  return address;
}

absl::Status WriteAgentConfig(const std::string& path, const std::string& state, uint32_t grpc_port,
                              bool edge) {
  std::ofstream file(path);
  file << "controllers: [127.0.0.1:" << grpc_port << "]\nname: dev\nstate_dir: " << state
       << "\nadvertise_address: " << BridgeAddress() << "\nmetrics: {listen: off}\n"
       << (edge ? "edge: {haproxy: {bind: 127.0.0.1}}\n" : "");
  file.close();
  return file ? absl::OkStatus()
              : absl::FailedPreconditionError(
                    absl::StrCat("cannot write ", path, "; choose another --state-dir"));
}

// True once the controller answers and a node is up.
bool IsUp(const Client& client) {
  v1::ListNodesResponse nodes;
  return client.Get("/v1/nodes", &nodes).ok() &&
         std::any_of(nodes.nodes().begin(), nodes.nodes().end(),
                     [](const v1::Node& node) { return node.status() == v1::Node::UP; });
}

// Waits for a stop signal or for a child to end, which is an error.
int Watch(const Session& session, std::vector<Child*> children, const Client& client,
          const std::string& hint) {
  bool up = false;
  while (stop_requested == 0) {
    for (Child* child : children) {
      if (!child->Running()) {
        return session.Fail(
            absl::StrCat(child->name(), " ended by itself; the end of ", child->log(), ":\n", child->Tail()));
      }
    }
    if (!up && IsUp(client)) {
      up = true;
      session.out() << hint << std::flush;
    }
    std::this_thread::sleep_for(absl::ToChronoMilliseconds(session.io().poll_interval));
  }
  return kOk;
}

std::string DefaultStateDir(const std::map<std::string, std::string>& environment) {
  auto data = environment.find("XDG_STATE_HOME");
  auto home = environment.find("HOME");
  return data != environment.end() ? data->second + "/drover-dev"
                                   : absl::StrCat(home == environment.end() ? "/var/tmp" : home->second,
                                                  "/.local/state/drover-dev");
}

int Dev(const Session& session, const DevFlags& flags) {
  const auto& io = session.io();
  const std::string state =
      fs::absolute(flags.state_dir.empty() ? DefaultStateDir(io.environment) : flags.state_dir);
  std::error_code error;
  for (const char* part : {"controller", "agent"}) {
    fs::create_directories(fs::path(state) / part, error);
    if (error) {
      return session.Fail(
          absl::StrCat("cannot make ", state, ": ", error.message(), "; choose another --state-dir"));
    }
  }
  const std::string address = absl::StrCat("http://127.0.0.1:", flags.http_port);
  const Client client({.address = address, .token = "", .ca_cert = ""});
  v1::VersionInfo version;
  if (client.Get("/v1/version", &version).ok()) {
    return session.Fail(absl::StrCat("a controller already answers at ", address,
                                     "; use it, or choose --http-port and "
                                     "--grpc-port"));
  }
  const bool edge = !flags.no_edge && InPath(io.environment, "haproxy");
  const std::string config = state + "/agent.yaml";
  if (absl::Status status = WriteAgentConfig(config, state + "/agent", flags.grpc_port, edge); !status.ok()) {
    return session.Fail(status);
  }

  struct sigaction action {};

  action.sa_handler = OnStopSignal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);

  Child controller("drover-controller", state + "/controller.log");
  Child agent("drover-agent", state + "/agent.log");
  absl::Status status =
      controller.Start({io.program_dir + "/drover-controller", "--state-dir", state + "/controller",
                        "--grpc-listen", absl::StrCat("127.0.0.1:", flags.grpc_port), "--http-listen",
                        absl::StrCat("127.0.0.1:", flags.http_port), "--xds-listen",
                        flags.http_port == 7401 ? "127.0.0.1:7402" : "127.0.0.1:0"});
  if (status.ok()) {
    status = agent.Start({io.program_dir + "/drover-agent", "--config", config});
  }
  int code = kError;
  if (status.ok()) {
    session.out() << "controller  " << address << "\nstate       " << state
                  << " (controller.log, agent.log)\nedge        "
                  << (edge            ? "HAProxy on 127.0.0.1"
                      : flags.no_edge ? "off"
                                      : "none: haproxy is not installed")
                  << std::endl;
    const std::string set =
        flags.http_port == 7401 ? "" : absl::StrCat("  export DROVER_ADDR=", address, "\n");
    code = Watch(session, {&controller, &agent}, client,
                 absl::StrCat("ready; in another terminal:\n", set,
                              "  drover up -f compose.yaml\nCtrl-C stops controller "
                              "and agent\n"));
  } else {
    session.Fail(status);
  }
  agent.Stop();
  controller.Stop();
  session.out() << "controller and agent are stopped; containers and HAProxy keep running as they are.\n"
                << "`drover dev` takes them over again; `drover down` before Ctrl-C removes a stack.\n";
  return code;
}

}  // namespace

void AddDevVerb(Verbs verbs) {
  Session& session = verbs.session();
  auto dev = std::make_shared<DevFlags>();
  CLI::App* verb = verbs.Add("dev", "run a controller and an agent on this machine, until Ctrl-C",
                             "drover dev", [dev, &session] { return Dev(session, *dev); });
  verb->add_option("--state-dir", dev->state_dir, "where they keep their state (~/.local/state/drover-dev)")
      ->type_name("DIR");
  verb->add_option("--http-port", dev->http_port, "port of the API (7401)")->type_name("PORT");
  verb->add_option("--grpc-port", dev->grpc_port, "port for the agent (7400)")->type_name("PORT");
  verb->add_flag("--no-edge", dev->no_edge, "without HAProxy");
}

}  // namespace drover::cli
