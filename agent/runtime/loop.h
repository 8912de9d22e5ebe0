// The one thread that owns the agent's core. Others post events into its queue and read immutable
// snapshots; nobody else touches the core.
//
//   Post ─► queue ─► Step… ─► TakeReady ─► held to disk ─► actions to the executor ─► snapshot, report
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/core/core.h"
#include "drover/v1/agent.pb.h"

namespace drover::agent {

// What a round of the core left behind, for reports, probes and sensors.
struct Snapshot {
  // The engine was listed once and what was adopted was probed (or two seconds passed): before that no
  // report tells of replicas, since what it said of them would be a guess.
  bool known = false;
  ClusterId cluster;
  Epoch highest_epoch;
  Epoch epoch;
  Revision revision;
  std::vector<ReplicaStatus> replicas;  // sorted by id
  std::vector<UnknownReplica> unknown;
  std::vector<ReplicaId> removed;
  std::vector<StopResult> stops;  // until the controller forgets the id
  std::map<std::string, std::shared_ptr<const v1::ServiceContext>> services;  // by spec hash
  std::map<ReplicaId, std::vector<PublishedPort>> published;
};

class Loop {
 public:
  struct Hooks {
    // All on the loop's thread; must not block.
    std::function<absl::Status(const HeldAssignment&)> store;
    // `service` is null when the action needs none or it is not known.
    std::function<void(Action, std::shared_ptr<const v1::ServiceContext> service, Epoch epoch,
                       ClusterId cluster)>
        act;
    std::function<void(std::shared_ptr<const Snapshot>, bool report_now)> publish;
    std::function<void(Notice)> notice;
    std::function<void()> need_full;
  };

  Loop(const CoreOptions& options, const HeldAssignment& held, Hooks hooks);
  // Stops and joins; what is still queued is dropped.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Thread-safe; does not block.
  void Post(Event event);
  // The newest; never null.
  std::shared_ptr<const Snapshot> snapshot() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace drover::agent
