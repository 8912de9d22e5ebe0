#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/runtime/edge/haproxy/runtime_api.h"
#include "agent/runtime/edge/program.h"
#include "tests/bench/edge_bed.h"
#include "tests/bench/edge_change.h"

namespace drover::agent {
namespace {

using SteadyClock = std::chrono::steady_clock;

double MsSince(SteadyClock::time_point start) {
  return std::chrono::duration<double, std::milli>(SteadyClock::now() - start).count();
}

// Every address of 127.0.0.0/8 at one port: accepts what checks connect, and closes it.
class Everywhere {
 public:
  Everywhere() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_, generic, size) != 0 || listen(listener_, 4096) != 0 ||
        getsockname(listener_, generic, &size) != 0) {
      Give(absl::InternalError("cannot listen"));
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] {
      for (int fd = 0; (fd = accept(listener_, nullptr, nullptr)) >= 0;) {
        close(fd);
      }
    });
  }

  ~Everywhere() {
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    close(listener_);
  }

  uint32_t port() const { return port_; }

 private:
  int listener_;
  uint32_t port_ = 0;
  std::thread acceptor_;
};

// CPU time of a process so far, in milliseconds.
double ProcessCpu(int64_t pid) {
  double ms = 0;
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator(absl::StrCat("/proc/", pid, "/task"), error)) {
    double ns = 0;
    std::ifstream(task.path() / "schedstat") >> ns;
    ms += ns / 1e6;
  }
  return ms;
}

// Of a master and its workers, those that have ended included.
double BalancerCpu(int master) {
  const std::string proc = absl::StrCat("/proc/", master);
  double ms = ProcessCpu(master);
  std::ifstream children(absl::StrCat(proc, "/task/", master, "/children"));
  for (int pid = 0; children >> pid;) {
    ms += ProcessCpu(pid);
  }
  std::ifstream stat(proc + "/stat");
  std::stringstream text;
  text << stat.rdbuf();
  std::istringstream fields(text.str().substr(text.str().rfind(')') + 1));
  std::string skipped;
  for (int i = 3; i < 16; ++i) {  // up to cutime
    fields >> skipped;
  }
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return ms + (user + system) * 1000 / static_cast<double>(sysconf(_SC_CLK_TCK));
}

// Of this thread and of the programs that it has run.
double AdapterCpu() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  rusage run{};
  getrusage(RUSAGE_CHILDREN, &run);
  const auto ms = [](const timeval& v) {
    return static_cast<double>(v.tv_sec) * 1000 + static_cast<double>(v.tv_usec) / 1000;
  };
  return static_cast<double>(t.tv_sec) * 1000 + static_cast<double>(t.tv_nsec) / 1e6 + ms(run.ru_utime) +
         ms(run.ru_stime);
}

struct Cost {
  double ms = 0;
  double adapter = 0;
  double balancer = 0;
};

// `count` backends, in one set or in as many.
class Many {
 public:
  Many(Bed& bed, uint32_t count, bool one_set) : bed_(bed), count_(count) {
    for (uint32_t i = 0; i < (one_set ? 1 : count); ++i) {
      EdgeSet set;
      set.handle = i + 1;
      set.stack = "many";
      set.service = absl::StrCat("s", i);
      set.http = true;
      set.slots = one_set ? 2 * count : 2;
      set.epoch = Epoch(1);
      set.listeners = {{.bind = "127.0.0.1",
                        .port = bed.port,
                        .host = one_set ? "" : absl::StrCat("s", i, ".example"),
                        .path = "",
                        .tls_path = ""}};
      sets_.push_back(std::move(set));
    }
  }

  void Structure() { Apply(); }

  int Master() const { return LivePid(bed_.daemons.front().first, bed_.daemons.front().second).value_or(0); }

  // Those of `generation` enter while those of `leaving` leave; 0: none.
  Cost Change(uint32_t generation, uint32_t leaving) {
    for (uint32_t i = 0; i < count_; ++i) {
      std::vector<EdgeBackend>& backends = sets_[i % sets_.size()].backends;
      if (i < sets_.size()) {
        backends.clear();
      }
      for (const auto& [number, drain] : {std::pair(generation, false), std::pair(leaving, true)}) {
        if (number > 0) {
          backends.push_back({.replica = ReplicaId(number * 1'000'000 + i),
                              .address = absl::StrCat("127.", number, ".", i / 250, ".", i % 250 + 1),
                              .port = everywhere_.port(),
                              .drain = drain});
        }
      }
    }
    const int master = Master();
    const double adapter = AdapterCpu();
    const double balancer = BalancerCpu(master);
    const auto start = SteadyClock::now();
    Apply();
    const double ms = MsSince(start);
    return {.ms = ms, .adapter = AdapterCpu() - adapter, .balancer = BalancerCpu(master) - balancer};
  }

  // Until nothing is left to do: the file says what is true, and the next reload of nginx need not wait.
  void Settle() {
    const auto start = SteadyClock::now();
    do {
      std::this_thread::sleep_for(kLook);
      state_ = bed_.edge->Reconcile(BenchNow());
    } while (state_.pending || MsSince(start) < 1100);
  }

  uint64_t reloads() const { return state_.reloads; }

 private:
  void Apply() {
    for (EdgeSet& set : sets_) {
      set.revision = Revision(set.revision.value() + 1);
    }
    bed_.edge->SetDesired(sets_);
    state_ = bed_.edge->Reconcile(BenchNow());
    while (!Applied()) {
      if (!state_.error.empty()) {
        std::fprintf(stderr, "%s\n", state_.error.c_str());
      }
      std::this_thread::sleep_for(kLook);
      state_ = bed_.edge->Reconcile(BenchNow());
    }
  }

  bool Applied() const {
    size_t applied = 0;
    for (const EdgeSetState& set : state_.sets) {
      applied += set.applied_revision == sets_.front().revision ? 1 : 0;
    }
    return applied == sets_.size();
  }

  Bed& bed_;
  uint32_t count_;
  Everywhere everywhere_;
  std::vector<EdgeSet> sets_;
  EdgeState state_;
};

int64_t WorkerPid(const std::string& socket) {
  absl::StatusOr<RuntimeSession> session =
      RuntimeSession::Open(socket, "> ", SteadyClock::now() + std::chrono::seconds(1));
  if (!session.ok()) {
    return 0;
  }
  const absl::StatusOr<std::string> info = session->Command("show info");
  return info.ok() ? ParseInfo(*info).value_or(ProcessInfo{}).pid : 0;
}

// As a script would do it: check the file, signal the master; until a new worker answers.
Cost PlainReload(const Bed& bed, int master) {
  const std::string socket = bed.dir + "/stats.sock";
  const int64_t old = WorkerPid(socket);
  const double self = AdapterCpu();
  const double before = ProcessCpu(master);
  const auto start = SteadyClock::now();
  const absl::StatusOr<RunResult> check =
      RunProgram({*FindProgram("haproxy"), "-c", "-f", bed.dir + "/haproxy.cfg"}, bed.dir + "/plain.out",
                 absl::Seconds(20));
  if (!check.ok() || check->exit_code != 0) {
    Give(absl::InternalError("the file is refused"));
  }
  kill(master, SIGUSR2);
  int64_t worker = old;
  for (; worker == old || worker == 0; worker = WorkerPid(socket)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  const double ms = MsSince(start);
  return {
      .ms = ms, .adapter = AdapterCpu() - self, .balancer = ProcessCpu(master) - before + ProcessCpu(worker)};
}

void Row(const std::string& mode, const std::string& shape, const char* what, const Cost& cost) {
  std::printf("| %s | %s | %s | %.0f | %.0f | %.0f |\n", mode.c_str(), shape.c_str(), what, cost.ms,
              cost.adapter, cost.balancer);
  std::fflush(stdout);
}

bool MeasureShape(const std::string& mode, uint32_t count, bool one_set) {
  Bed bed = MakeBed(mode);
  uint64_t used = 0;
  {
    Many many(bed, count, one_set);
    many.Structure();
    const std::string shape = one_set ? absl::StrCat("1 set of ", count) : absl::StrCat(count, " sets of 1");
    const uint64_t reloads = many.reloads();
    Row(mode, shape, "all enter", many.Change(1, 0));
    many.Settle();
    Row(mode, shape, "all replaced, those of before leave", many.Change(2, 1));
    many.Settle();
    Row(mode, shape, "those of before are taken out", many.Change(2, 0));
    used = many.reloads() - reloads;
    if (mode == "haproxy") {
      many.Settle();
      Row(mode, shape, "plain check and reload, same file", PlainReload(bed, many.Master()));
    }
    std::printf("(%s, %s: %llu reloads by the adapter for its three changes)\n", mode.c_str(), shape.c_str(),
                static_cast<unsigned long long>(used));
  }
  End(bed);
  return mode != "haproxy" || used == 0;
}

}  // namespace

bool MeasureMany(uint32_t count) {
  bool met = true;
  std::printf(
      "\n| balancer | | change | until confirmed, ms | CPU of the adapter, ms | CPU of the balancer, ms |\n"
      "| --- | --- | --- | --- | --- | --- |\n");
  for (const std::string mode : {"haproxy", "nginx"}) {
    for (const bool one_set : {true, false}) {
      met = MeasureShape(mode, count, one_set) && met;
    }
  }
  return met;
}

}  // namespace drover::agent
