// Everything that happens to the agent's core, time included. The runtime translates the wire, the
// Docker Engine and the probes into these; the simulator makes them itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "common/ids.h"
#include "common/replica_state.h"
#include "common/time.h"

namespace drover::agent {

struct PublishedPort {
  uint32_t container_port = 0;
  uint32_t host_port = 0;

  friend bool operator==(const PublishedPort&, const PublishedPort&) = default;
};

// ---- the assignment, as the core keeps it ---------------------------------------------------------

// What all replicas of one service revision share, as far as acting needs it. The container itself
// stays opaque: `context` is the serialized drover.v1.ServiceContext.
struct ServiceContext {
  std::string spec_hash;  // key
  std::string stack;
  std::string service;
  std::string context;
  bool task = false;             // exit 0 means completed (R7.3)
  bool singleton = false;        // R7.2
  bool has_healthcheck = false;  // readiness comes from the engine's health (R3.4)
  bool has_ready_check = false;  // x-ready or a routed port: readiness comes from a probe
  Duration stop_grace = absl::Seconds(10);
  enum class Restart { kAlways, kOnFailure, kNever };
  Restart restart = Restart::kAlways;
  uint32_t restart_max = 0;  // attempts; 0: no limit
  Duration restart_delay;    // at least so long before each

  friend bool operator==(const ServiceContext&, const ServiceContext&) = default;
};

struct RunReplica {
  ReplicaId id;
  uint32_t handle = 0;
  std::string spec_hash;
  uint32_t number = 0;
  std::vector<PublishedPort> published;
  bool quiet = false;
  std::string image_id;
  bool hands_off = false;  // what is stopped or removed by hand stays so (R3.7)

  friend bool operator==(const RunReplica&, const RunReplica&) = default;
};

struct RemoveReplica {
  ReplicaId id;
  std::string reason;
  bool forced = false;
  Duration grace;  // 0: the service's own
  bool operator_change = false;
  bool remove_volumes = false;

  friend bool operator==(const RemoveReplica&, const RemoveReplica&) = default;
};

// Full when base_revision is 0, else a delta (R1.5).
struct Assignment {
  ClusterId cluster;
  Epoch epoch;
  Revision revision;
  Epoch base_epoch;
  Revision base_revision;
  std::vector<RunReplica> run;
  std::vector<RemoveReplica> remove;
  std::vector<ReplicaId> forget;
  std::vector<ServiceContext> contexts;
};

// What the agent keeps on disk (R1.6): the last assignment, whole. Also the core's own memory of it.
struct HeldAssignment {
  ClusterId cluster;  // empty: never joined
  Epoch highest_epoch;
  Epoch epoch;  // 0: no assignment yet
  Revision revision;
  std::string boot_id;                   // under which it was stored
  std::vector<RunReplica> run;           // sorted by id
  std::vector<RemoveReplica> remove;     // sorted by id
  std::vector<ServiceContext> contexts;  // sorted by spec_hash; those that `run` names, and of
                                         // containers that `remove` still has to stop

  friend bool operator==(const HeldAssignment&, const HeldAssignment&) = default;
};

// ---- what the engine shows ------------------------------------------------------------------------

struct Container {
  std::string id;
  std::string name;
  ReplicaId replica;  // label io.drover.replica; 0: not ours
  ClusterId cluster;  // label io.drover.cluster
  std::string stack;
  std::string service;
  std::string spec_hash;  // label io.drover.spec
  uint64_t epoch = 0;     // label io.drover.epoch
  enum class Status { kCreated, kRunning, kPaused, kRestarting, kExited, kDead, kRemoving };
  Status status = Status::kCreated;
  int32_t exit_code = 0;
  bool oom_killed = false;
  std::string health;   // healthy, unhealthy, starting; empty: none
  int32_t pid = 0;      // 0: not running
  std::string address;  // on the host's bridge; empty: host network

  friend bool operator==(const Container&, const Container&) = default;
};

// ---- events -----------------------------------------------------------------------------------------

struct Tick {
  Instant now;
};

// The stream to a controller is up and welcomed, or down.
struct ControllerConnected {
  Instant now;
  ClusterId cluster;
  Epoch epoch;
};

struct ControllerDisconnected {
  Instant now;
};

// Anything heard from the controller: what singletons live by (R7.2). After a silence as long as their fence
// it does not count until there is a new stream or an order: it may have been sent before.
struct ControllerHeard {
  Instant now;
};

struct AssignmentReceived {
  Instant now;
  Assignment assignment;
};

// The slow reconciling list: all containers with a drover label, running or not.
struct EngineListed {
  Instant now;
  std::vector<Container> containers;
};

// One container as it is now (after an engine event or an action); absent: it does not exist any more.
struct ContainerChanged {
  Instant now;
  ReplicaId replica;
  std::optional<Container> container;
  bool by_hand = false;  // an engine event that no action of ours explains (R3.7)
};

// The engine answers, or does not (R3.8).
struct EngineReachable {
  Instant now;
  bool reachable = true;
  std::string error;
};

// The end of an Action.
struct ActionDone {
  Instant now;
  uint64_t action = 0;  // Action::id
  absl::Status status;
  std::string reason;  // CamelCase, when not OK: ImagePullFailed, PortInUse, NameConflict, PolicyRefused, …
  std::optional<Container> container;  // as it is afterwards, when there is one
  Duration took;
  std::string last_log;  // the last lines of a container that ended, when kept
};

// A readiness probe from outside (x-ready, TCP): the newest result.
struct ReadyProbed {
  Instant now;
  ReplicaId replica;
  bool ready = false;
  std::string detail;
};

using Event =
    std::variant<Tick, ControllerConnected, ControllerDisconnected, ControllerHeard, AssignmentReceived,
                 EngineListed, ContainerChanged, EngineReachable, ActionDone, ReadyProbed>;

}  // namespace drover::agent
