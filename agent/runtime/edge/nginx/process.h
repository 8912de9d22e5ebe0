// nginx as processes: check a file, start, reload; its workers, and which connections they hold. A managed
// one is never stopped from here: it outlives the agent (R6.4).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/ports/edge.h"

namespace drover::agent {

struct NginxPaths {
  explicit NginxPaths(const std::string& folder)
      : dir(folder),
        config(dir + "/nginx.conf"),
        checked(dir + "/nginx.conf.check"),
        wanted(dir + "/wanted.pb"),
        pid(dir + "/nginx.pid"),
        log(dir + "/nginx.log"),
        output(dir + "/nginx.out") {}

  std::string dir, config, checked, wanted, pid, log, output;
};

// The process of a managed nginx.
class NginxProcess {
 public:
  NginxProcess(std::string program, NginxPaths paths);

  // Starts with the file as it is, unless it runs already. Whoever calls has the StartLock. Unavailable: it
  // is not up yet.
  absl::Status Start() const;
  // Workers whose master was killed are told to finish what they have: their listening sockets are in the
  // way of a new master.
  void SendOrphansAway() const;
  // Sees to it that `agent` (its own program) keeps nginx running, also when no agent lives.
  absl::Status EnsureKept(const std::string& agent) const;
  // The master's pid while it lives.
  std::optional<int> MasterPid() const;

 private:
  std::string program_;
  NginxPaths paths_;
};

// What `drover-agent keep-edge nginx PROGRAM DIR` does; the exit code.
int KeepNginx(const std::string& program, const std::string& dir);

// Polls until `done` or `limit`; whether it was done.
bool WaitUntil(std::chrono::milliseconds limit, const std::function<bool()>& done);

struct NginxWorker {
  int pid = 0;
  bool leaving = false;  // accepts nothing any more, finishes what it has

  friend auto operator<=>(const NginxWorker&, const NginxWorker&) = default;
};

// All that nginx reads for a configuration (empty: the one it was built with), when it has nothing against
// it: each file after a line "# configuration file PATH:". FailedPrecondition with nginx' own words.
absl::StatusOr<std::string> CheckNginx(const std::string& program, const std::string& config,
                                       const std::string& output_path);

// The workers of a master, those of before a reload included.
std::vector<NginxWorker> NginxWorkers(int master);

// Workers that have `log` open and whose master is not `master`: of one that was killed. They go on.
std::vector<int> OrphanedNginxWorkers(const std::string& log, std::optional<int> master);

// Changes with the process, also when a pid is used again; 0: no such process.
uint64_t ProcessIdentity(int pid);

// How long the newest of the workers runs; absent: there is none.
std::optional<Duration> AgeOfNewest(const std::vector<NginxWorker>& workers);

// What one worker holds.
struct NginxLoad {
  std::map<std::pair<std::string, uint32_t>, int64_t> to;  // connections by remote address and port
  int64_t outgoing = 0;                                    // sum of these
  int64_t incoming = 0;                                    // clients' connections
};

struct NginxConnections {
  std::map<int, NginxLoad> workers;  // by pid
  std::set<std::string> listening;   // "address:port" that the workers listen on
};

// As the kernel lists them, in the network namespace of `master`. `ports` are those on which clients came:
// the ones found listening, and while some worker leaves those of before too. Errors: what could not be read.
absl::StatusOr<NginxConnections> ReadNginxConnections(int master, const std::vector<NginxWorker>& workers,
                                                      std::set<uint32_t>& ports);

}  // namespace drover::agent
