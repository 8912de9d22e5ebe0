// The accept queue of a replica's listening sockets: connections that the kernel has completed and the
// worker has not taken. Needs no instrumentation of the worker. Read through NETLINK_SOCK_DIAG opened
// once inside the replica's network namespace (about 17 µs a read); where that is not possible, from
// /proc/PID/net/tcp (about 4 ms). What cannot be read is absent (R4). Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/ids.h"

namespace drover::agent {

struct AcceptQueueSample {
  std::optional<int64_t> waiting;   // sum over the ports; absent when no port listens
  std::optional<int64_t> accepted;  // connections that the worker holds; only when asked for
  std::string error;                // why absent
};

class AcceptQueueSensor {
 public:
  explicit AcceptQueueSensor(std::string proc_root = "/proc");
  ~AcceptQueueSensor();
  AcceptQueueSensor(const AcceptQueueSensor&) = delete;
  AcceptQueueSensor& operator=(const AcceptQueueSensor&) = delete;

  // Looks at TCP `ports` as the process `pid` sees them (inside its container). The same pid and ports
  // again is free. NotFound when the process is gone.
  absl::Status Watch(ReplicaId replica, int32_t pid, std::vector<uint32_t> ports);
  void Forget(ReplicaId replica);

  // `with_accepted` walks the established connections too (0.2 ms): at most every few seconds.
  AcceptQueueSample Read(ReplicaId replica, bool with_accepted = false);

 private:
  struct Watched;

  std::string proc_root_;
  std::map<ReplicaId, std::unique_ptr<Watched>> watched_;
};

}  // namespace drover::agent
