// Readiness from outside (R3.4): HTTP or TCP probes of replicas, all on one thread with sockets that do
// not block, so that one that hangs delays no other. Every 20 ms at first, backing off to 200 ms while a
// replica is not ready, every second once it is.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/time.h"

namespace drover::agent {

struct ProbeTarget {
  ReplicaId replica;
  std::string container_id;  // another one: probing starts anew
  std::string address;       // IP
  uint32_t port = 0;
  std::string http_path;                        // empty: TCP
  std::string http_host;                        // Host header; empty: the address
  Duration interval = absl::Milliseconds(200);  // while not ready
  Duration timeout = absl::Seconds(1);
  int in_a_row = 1;  // successes wanted

  friend bool operator==(const ProbeTarget&, const ProbeTarget&) = default;
};

class Readiness {
 public:
  // `result(replica, ready, detail)` when a target turns ready or not ready, and each second while it is
  // not. On the probing thread.
  explicit Readiness(std::function<void(ReplicaId, bool, std::string)> result);
  ~Readiness();
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;

  // The whole list; unchanged targets go on. Thread-safe.
  void SetTargets(std::vector<ProbeTarget> targets);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace drover::agent
