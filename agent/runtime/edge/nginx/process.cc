#include "agent/runtime/edge/nginx/process.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <linux/inet_diag.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/runtime/edge/keeper.h"
#include "agent/runtime/edge/nginx/marker.h"
#include "agent/runtime/edge/program.h"
#include "agent/runtime/edge/wanted_file.h"
#include "agent/runtime/sensors/sock_diag.h"
#include "common/address.h"
#include "common/status.h"

namespace drover::agent {
namespace {

constexpr char kNginxCgroup[] = "drover-nginx";
constexpr auto kMasterStartLimit = std::chrono::milliseconds(500);
constexpr auto kMasterGoodbyeLimit = std::chrono::milliseconds(300);
constexpr char kWorkerTitle[] = "nginx: worker process";
constexpr char kLeavingTitle[] = "nginx: worker process is shutting down";

// The lines of nginx' output that say what is wrong.
std::string NginxComplaints(const std::string& output) {
  std::vector<std::string> complaints;
  for (const absl::string_view line : absl::StrSplit(output, '\n', absl::SkipWhitespace())) {
    const size_t at = line.find("[emerg] ");
    if (at != absl::string_view::npos) {
      complaints.emplace_back(line.substr(at + 8));
    }
  }
  return complaints.empty() ? output.substr(0, 400) : absl::StrJoin(complaints, "; ").substr(0, 800);
}

// nginx writes what a process is over its command line.
std::string Title(int pid) {
  const std::string line = ReadWholeFile(absl::StrCat("/proc/", pid, "/cmdline")).value_or("");
  return std::string(absl::StripAsciiWhitespace(line.substr(0, line.find('\0'))));
}

void EachName(const std::string& folder, const std::function<void(const char*)>& name) {
  DIR* dir = opendir(folder.c_str());
  if (dir == nullptr) {
    return;
  }
  while (const dirent* entry = readdir(dir)) {
    name(entry->d_name);
  }
  closedir(dir);
}

// What each open descriptor of the process leads to: a path, or "socket:[INODE]".
void EachOpen(int pid, const std::function<void(absl::string_view)>& target) {
  const std::string folder = absl::StrCat("/proc/", pid, "/fd");
  EachName(folder, [&](const char* name) {
    char path[4096];
    const ssize_t n = readlink(absl::StrCat(folder, "/", name).c_str(), path, sizeof(path));
    if (n > 0) {
      target({path, static_cast<size_t>(n)});
    }
  });
}

// Clock ticks from boot to the start of the process; 0: it is gone.
uint64_t StartTicks(int pid) {
  const std::string stat = ReadWholeFile(absl::StrCat("/proc/", pid, "/stat")).value_or("");
  const size_t name_end = stat.rfind(')');  // the name may contain anything
  uint64_t ticks = 0;
  if (name_end != std::string::npos) {
    const std::vector<absl::string_view> fields =
        absl::StrSplit(absl::string_view(stat).substr(name_end + 1), ' ', absl::SkipEmpty());
    (void)(fields.size() > 19 && absl::SimpleAtoi(fields[19], &ticks));
  }
  return ticks;
}

struct TcpSocket {
  uint32_t state = 0;
  uint32_t local_port = 0;
  std::string local;  // address
  std::string remote;
  uint32_t remote_port = 0;
};

std::string AddressText(uint8_t family, const uint32_t* address) {
  char text[INET6_ADDRSTRLEN];
  const std::string out = inet_ntop(family, address, text, sizeof(text));
  return absl::StartsWith(out, "::ffff:") && absl::StrContains(out, '.') ? out.substr(7) : out;
}

absl::StatusOr<std::map<uint64_t, TcpSocket>> SocketsByInode(int master) {
  ASSIGN_OR_RETURN(SockDiag diagnosis, SockDiag::Open(absl::StrCat("/proc/", master, "/ns/net")));
  std::map<uint64_t, TcpSocket> sockets;
  const bool read = diagnosis.EachTcp(
      (1u << TCP_LISTEN) | (1u << TCP_SYN_SENT) | (1u << TCP_ESTABLISHED) | (1u << TCP_CLOSE_WAIT),
      [&](const inet_diag_msg& row) {
        if (row.idiag_inode != 0) {
          sockets[row.idiag_inode] = {.state = row.idiag_state,
                                      .local_port = ntohs(row.id.idiag_sport),
                                      .local = AddressText(row.idiag_family, row.id.idiag_src),
                                      .remote = AddressText(row.idiag_family, row.id.idiag_dst),
                                      .remote_port = ntohs(row.id.idiag_dport)};
        }
      });
  if (!read) {
    return absl::UnavailableError("the kernel's list of nginx' connections cannot be read");
  }
  return sockets;
}

}  // namespace

bool WaitUntil(std::chrono::milliseconds limit, const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

NginxProcess::NginxProcess(std::string program, NginxPaths paths)
    : program_(std::move(program)), paths_(std::move(paths)) {}

absl::Status NginxProcess::Start() const {
  if (MasterPid()) {
    return absl::OkStatus();
  }
  const std::vector<std::string> argv = {program_, "-p", paths_.dir, "-c", paths_.config};
  ASSIGN_OR_RETURN(const RunResult result,
                   RunProgram(OutsideUnitCgroup(kNginxCgroup, argv), paths_.output, absl::Seconds(5)));
  if (result.exit_code != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("nginx does not start: ", result.output.substr(0, 400)));
  }
  // The pid file comes after the daemon has detached.
  if (!WaitUntil(kMasterStartLimit, [this] { return MasterPid().has_value(); })) {
    return absl::UnavailableError("nginx is still starting");
  }
  return absl::OkStatus();
}

void NginxProcess::SendOrphansAway() const {
  for (const int pid : OrphanedNginxWorkers(paths_.log, std::nullopt)) {
    kill(pid, SIGQUIT);
  }
}

absl::Status NginxProcess::EnsureKept(const std::string& agent) const {
  return drover::agent::EnsureKept(
      {.agent = agent, .kind = "nginx", .program = program_, .cgroup = kNginxCgroup},
      KeeperFiles(paths_.dir));
}

std::optional<int> NginxProcess::MasterPid() const { return LivePid(paths_.pid, paths_.config); }

int KeepNginx(const std::string& program, const std::string& dir) {
  const NginxPaths paths(dir);
  const NginxProcess process(program, paths);
  const auto start = [&] {
    const StartLock lock{KeeperFiles(dir)};
    if (process.MasterPid()) {
      return absl::OkStatus();
    }
    process.SendOrphansAway();
    const uint32_t port = MarkerPortOf(ReadWholeFile(paths.config).value_or(""));
    WaitUntil(kMasterGoodbyeLimit, [port] { return MarkerPortIsFree(port); });
    return process.Start();
  };
  return KeepInBackground({.files = KeeperFiles(dir),
                           .config = paths.config,
                           .pid = [&process] { return process.MasterPid(); },
                           .start = start});
}

absl::StatusOr<std::string> CheckNginx(const std::string& program, const std::string& config,
                                       const std::string& output_path) {
  std::vector<std::string> command = {program, "-T", "-q"};
  if (!config.empty()) {
    command.insert(command.end(), {"-c", config});
  }
  ASSIGN_OR_RETURN(const RunResult result, RunProgram(command, output_path, absl::Seconds(5)));
  if (result.exit_code != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("nginx refuses its configuration: ", NginxComplaints(result.output)));
  }
  return result.output;
}

std::vector<NginxWorker> NginxWorkers(int master) {
  const std::string children =
      ReadWholeFile(absl::StrCat("/proc/", master, "/task/", master, "/children")).value_or("");
  std::vector<NginxWorker> workers;
  for (const absl::string_view word : absl::StrSplit(children, ' ', absl::SkipWhitespace())) {
    int pid = 0;
    if (!absl::SimpleAtoi(word, &pid)) {
      continue;
    }
    const std::string title = Title(pid);
    if (absl::StartsWith(title, kWorkerTitle)) {
      workers.push_back({.pid = pid, .leaving = absl::StartsWith(title, kLeavingTitle)});
    }
  }
  return workers;
}

std::vector<int> OrphanedNginxWorkers(const std::string& log, std::optional<int> master) {
  std::set<int> own;
  for (const NginxWorker& worker : master ? NginxWorkers(*master) : std::vector<NginxWorker>()) {
    own.insert(worker.pid);
  }
  std::vector<int> orphans;
  EachName("/proc", [&](const char* name) {
    int pid = 0;
    if (!absl::SimpleAtoi(name, &pid) || own.count(pid) > 0 || !absl::StartsWith(Title(pid), kWorkerTitle)) {
      return;
    }
    bool ours = false;
    EachOpen(pid, [&](absl::string_view target) { ours = ours || target == log; });
    if (ours) {
      orphans.push_back(pid);
    }
  });
  return orphans;
}

uint64_t ProcessIdentity(int pid) {
  const uint64_t ticks = StartTicks(pid);
  return ticks == 0 ? 0 : (ticks << 24) ^ static_cast<uint64_t>(pid);
}

std::optional<Duration> AgeOfNewest(const std::vector<NginxWorker>& workers) {
  uint64_t newest = 0;
  for (const NginxWorker& worker : workers) {
    newest = std::max(newest, StartTicks(worker.pid));
  }
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  if (newest == 0) {
    return std::nullopt;
  }
  return absl::DurationFromTimespec(now) -
         absl::Seconds(static_cast<double>(newest) / static_cast<double>(sysconf(_SC_CLK_TCK)));
}

absl::StatusOr<NginxConnections> ReadNginxConnections(int master, const std::vector<NginxWorker>& workers,
                                                      std::set<uint32_t>& ports) {
  ASSIGN_OR_RETURN(const auto sockets, SocketsByInode(master));
  NginxConnections out;
  if (std::none_of(workers.begin(), workers.end(),
                   [](const NginxWorker& worker) { return worker.leaving; })) {
    ports.clear();  // a connection to a replica may have one of them by now
  }
  std::vector<std::pair<int, const TcpSocket*>> held;
  for (const NginxWorker& worker : workers) {
    out.workers[worker.pid];
    EachOpen(worker.pid, [&](absl::string_view target) {
      uint64_t inode = 0;
      if (!absl::ConsumePrefix(&target, "socket:[") || !absl::ConsumeSuffix(&target, "]") ||
          !absl::SimpleAtoi(target, &inode)) {
        return;
      }
      const auto socket = sockets.find(inode);
      if (socket == sockets.end()) {
        return;
      }
      held.emplace_back(worker.pid, &socket->second);
      if (socket->second.state == TCP_LISTEN) {
        ports.insert(socket->second.local_port);
        out.listening.insert(HostPort(socket->second.local, socket->second.local_port));
      }
    });
  }
  for (const auto& [pid, socket] : held) {
    NginxLoad& load = out.workers[pid];
    if (socket->state == TCP_LISTEN) {
      continue;
    }
    if (ports.count(socket->local_port) > 0) {
      ++load.incoming;
      continue;
    }
    ++load.outgoing;
    ++load.to[{socket->remote, socket->remote_port}];
  }
  return out;
}

}  // namespace drover::agent
