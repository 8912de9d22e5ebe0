// The agent's own figures for Prometheus: GET /metrics on `metrics.listen`. Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/core/ready.h"
#include "common/replica_state.h"
#include "common/time.h"

namespace drover::agent {

class Metrics {
 public:
  // What is read anew for every scrape.
  struct Now {
    std::map<ReplicaState, int> replicas;
    uint64_t engine_errors = 0;
    uint64_t reports = 0;
    uint64_t connects = 0;
    bool connected = false;
    bool engine_reachable = false;
  };

  explicit Metrics(std::function<Now()> read);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void CountAction(Action::Kind kind, bool ok, Duration took);

  // Serves on "host:port" with a thread of its own. The error when the address cannot be had.
  absl::Status Listen(const std::string& address);
  // The text of a scrape.
  std::string Text() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace drover::agent
