// What the agent's core wants done, in the order in which it must be carried out: keep `held` on disk
// (atomically, R1.6), then start `actions`, then tell the controller. Any field may be empty.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/event.h"

namespace drover::agent {

// One step that talks to the engine. Steps of different replicas run side by side, all that the core
// has handed out (it keeps the limits of CoreOptions); steps of one replica never overlap. Each ends in an
// ActionDone, also when its deadline ran out (R3.8). All are idempotent: create inspects a name conflict,
// stop of something that is gone is fine.
struct Action {
  enum class Kind {
    kPull,    // make the image present
    kCreate,  // create the container (with its networks and volumes), do not start it
    kStart,
    kStop,     // stop signal, wait `grace`, KILL
    kRemove,   // remove the (ended) container; with volumes when asked
    kInspect,  // read it again, with the last log lines when it has ended; absent: OK without container
  };

  uint64_t id = 0;
  Kind kind = Kind::kInspect;
  ReplicaId replica;
  std::string container_id;  // empty for kPull and kCreate; kInspect: empty means look the replica
                             // up by its label io.drover.replica
  std::string spec_hash;     // kPull, kCreate: which ServiceContext
  std::string image_id;
  uint32_t number = 0;  // kCreate: for the name
  std::vector<PublishedPort> published;
  Duration grace;  // kStop; 0: the container's own
  bool forced = false;
  bool remove_volumes = false;  // kRemove
};

// How one replica stands, for the report.
struct ReplicaStatus {
  ReplicaId id;
  uint32_t handle = 0;  // 0: not in `run`
  ReplicaState state = ReplicaState::kAssigned;
  std::string spec_hash;
  std::string container_id;
  std::string address;
  int32_t pid = 0;
  std::optional<int32_t> exit_code;
  bool oom_killed = false;
  std::string reason;
  std::string message;
  uint32_t restarts = 0;
  std::optional<Instant> retry_at;
  std::string health;
  Duration pull, create, start, ready;  // phases of the last start; zero: not gone through
  bool probe_ready = false;             // the runtime should probe it from outside now

  friend bool operator==(const ReplicaStatus&, const ReplicaStatus&) = default;
};

struct StopResult {  // R5.4
  enum class Result { kClean, kTimedOut, kKilledWithWork, kForced, kAlreadyGone };

  ReplicaId replica;
  Result result = Result::kClean;
  int32_t exit_code = 0;
  Duration signal_to_exit;
  std::string detail;
};

struct Notice {
  std::string reason;  // RemovedByHand, MassRemovalRefused, StaleOrderRefused, ClusterMismatch, …
  std::string message;
  ReplicaId replica;
  bool warning = false;
};

// A container of ours that is in no list (R1.3).
struct UnknownReplica {
  Container container;
};

struct Ready {
  std::optional<HeldAssignment> held;  // to be durable before any action of this Ready
  std::vector<Action> actions;
  std::vector<StopResult> stops;  // to be reported until the controller forgets the id
  std::vector<Notice> notices;
  bool need_full = false;   // ask the controller for the whole assignment
  bool report_now = false;  // news that should not wait for the interval (R4.4)
  std::optional<Instant> wake_at;

  bool empty() const {
    return !held && actions.empty() && stops.empty() && notices.empty() && !need_full && !report_now;
  }
};

}  // namespace drover::agent
