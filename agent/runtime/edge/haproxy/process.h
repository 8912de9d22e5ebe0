// The process of a managed HAProxy: check a file, start, reload. It runs as master and worker, daemonised
// into a session of its own, and is never stopped from here: it outlives the agent (R6.4).
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "agent/runtime/edge/program.h"

namespace drover::agent {

struct HaproxyPaths {
  explicit HaproxyPaths(const std::string& folder)
      : dir(folder),
        config(dir + "/haproxy.cfg"),
        checked(dir + "/haproxy.cfg.check"),
        wanted(dir + "/wanted.pb"),
        hold_script(dir + "/hold.lua"),
        held_socket(dir + "/held.sock"),
        request_socket(dir + "/requests.sock"),
        stats_socket(dir + "/stats.sock"),
        master_socket(dir + "/master.sock"),
        pid(dir + "/haproxy.pid"),
        output(dir + "/haproxy.out") {}

  std::string dir, config, checked, wanted, hold_script, held_socket, request_socket, stats_socket,
      master_socket, pid, output;
};

class HaproxyProcess {
 public:
  HaproxyProcess(std::string program, HaproxyPaths paths);

  // FailedPrecondition with HAProxy's own words when it refuses `config`.
  absl::Status Check(const std::string& config) const;
  // Starts with the file as it is. The process is up and listening when this returns OK, which it also does
  // when it was already. Workers whose master was killed are told to finish what they have.
  absl::Status Start() const;
  // Sees to it that `agent` (its own program) keeps HAProxy running, also when no agent lives.
  absl::Status EnsureKept(const std::string& agent) const;
  // Asks the running master to take over the file; the old worker finishes its requests.
  absl::Status Reload() const;
  // The master's pid while it lives.
  std::optional<int> MasterPid() const;

 private:
  std::string program_;
  HaproxyPaths paths_;
};

// What `drover-agent keep-edge haproxy PROGRAM DIR` does; the exit code.
int KeepHaproxy(const std::string& program, const std::string& dir);

}  // namespace drover::agent
