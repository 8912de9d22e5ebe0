// Measures queues: runs every assigned probe at its interval, one thread per broker or query so that one
// that hangs delays nobody else (R3.8), and keeps the newest sample of each. A value that cannot be read is
// unknown with the broker's own words, never zero (R4).
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "common/time.h"
#include "drover/v1/agent.pb.h"

namespace drover::agent {

struct ProberOptions {
  // News that should not wait for the report interval (R4.4): empty → work, risen above notify_above,
  // known ↔ unknown. Called on a probing thread without locks held; must be quick. May be empty.
  std::function<void()> notify;
  Duration timeout =
      absl::Seconds(1);  // of connecting and of each round of answers, unless a queue has its own
  // Whether the host's own rules let this queue be read (R10.4); what they say becomes the sample's error.
  // Called on probing threads before each read. May be empty.
  std::function<absl::Status(const v1::QueueSpec&)> allowed = {};
};

class Prober {
 public:
  explicit Prober(ProberOptions options);
  ~Prober();  // waits for the threads: at most about `timeout`
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  // The whole list of probes; replaces the former. A probe whose queue and term did not change keeps
  // its last sample. Any thread.
  void SetProbes(const std::vector<v1::Probe>& probes);

  // The newest sample of every probe that has been read at least once, standby ones left out, age_ms as
  // of now; sorted by probe. Any thread.
  std::vector<v1::QueueSample> Samples() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace drover::agent
