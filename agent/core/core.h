// The agent's deciding half: what the controller wants and what the engine shows in, actions out.
// Pure and single-threaded like the controller's core, for the same reasons.
//
//   Core core(options, held_from_disk, now);
//   for each event e:  core.Step(e);
//                      Ready ready = core.TakeReady();
//                      store(ready.held);  run(ready.actions);  report(...)
//
// Level-triggered: any event may be lost, repeated or late. Absence never stops anything (R1.3).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/core/event.h"
#include "agent/core/ready.h"

namespace drover::agent {

struct CoreOptions {
  std::string boot_id;                           // of this boot (R1.6)
  Duration boot_wait = absl::Seconds(30);        // after a boot: wait for a controller first
  uint32_t parallel_actions = 4;                 // 2 × cores: creates, starts, removes, inspections
  uint32_t parallel_pulls = 4;                   // apart, since they mostly wait: a registry that
  uint32_t parallel_stops = 32;                  // hangs or a long grace never keeps others waiting
  Duration running_is_ready = absl::Seconds(3);  // R3.4, without any check
  Duration backoff_first = absl::Seconds(1);     // R3.6
  Duration backoff_max = absl::Minutes(5);
  Duration backoff_reset = absl::Minutes(10);
  Duration singleton_fence = absl::Seconds(10);  // R7.2
};

class Core {
 public:
  // `held` as stored, or default for a first start.
  Core(const CoreOptions& options, const HeldAssignment& held, Instant now);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  void Step(const Event& event);
  Ready TakeReady();

  // For reports and Hello: valid until the next Step. `replicas` is empty until the engine was
  // listed once; before that a report must not call itself full.
  const HeldAssignment& held() const;
  std::vector<ReplicaStatus> replicas() const;  // of `run` and `remove`, sorted by id
  std::vector<UnknownReplica> unknown() const;  // ours by label, in no list
  std::vector<ReplicaId> removed() const;       // of `remove`: confirmed absent

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace drover::agent
