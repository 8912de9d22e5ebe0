// What the store keeps. The core emits these as Puts and Deletes in Ready; a restart from them at
// any boundary leads to the same desired state (design invariant 10).
//
// A tombstone (R1.3) is a ReplicaRecord in state `stopping`: it lives until its node confirms that
// the container is absent, or the node is removed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "common/ids.h"
#include "common/replica_state.h"
#include "common/units.h"
#include "controller/core/spec.h"

namespace drover::controller {

struct StackRecord {
  std::string name;       // key
  uint64_t revision = 0;  // raised by every applied change
  StackSpec spec;
  bool removing = false;  // `down` was asked; gone when its replicas are
  bool remove_volumes = false;
  absl::Time applied_at;

  friend bool operator==(const StackRecord&, const StackRecord&) = default;
};

// How a replica ended that did not end well; readable when its container is gone (R3.6).
struct FailureRecord {
  ReplicaId replica;
  std::string name = {};  // of the container
  NodeId node = NodeId();
  absl::Time at = {};
  std::string reason = {};   // CamelCase: ExitedWithError, OutOfMemory, Unhealthy …
  std::string message = {};  // with its last log lines
  std::optional<int32_t> exit_code = {};

  friend bool operator==(const FailureRecord&, const FailureRecord&) = default;
};

// The decided part of a service; what is measured is never stored, but for how replicas failed.
struct ServiceRecord {
  ServiceKey key;
  int64_t desired = 0;
  uint64_t backend_revision = 0;  // of its backend sets, under the epoch that wrote it (R6.1)
  bool paused = false;            // R10.1
  bool pause_down_only = false;
  std::optional<absl::Time> paused_until;
  bool held = false;  // `scale --hold/--forever`
  std::optional<absl::Time> held_until;
  NodeId data_node;                          // pinned: where it first ran (R7.1); empty: not yet
  uint64_t task_revision_done = 0;           // stack revision for which the task completed (R7.3)
  uint32_t next_number = 1;                  // of container names; only grows when numbers are taken
  std::vector<FailureRecord> failures = {};  // newest last, bounded in number and age (evidence.h)

  friend bool operator==(const ServiceRecord&, const ServiceRecord&) = default;
};

struct PublishedPort {
  uint32_t container_port = 0;
  uint32_t host_port = 0;

  friend bool operator==(const PublishedPort&, const PublishedPort&) = default;
};

struct ReplicaRecord {
  ReplicaId id;  // key
  ServiceKey service;
  NodeId node;          // empty while pending; never changes afterwards (R3.2)
  uint32_t number = 0;  // STACK-SERVICE-NUMBER
  uint32_t handle = 0;  // on the wire, unique on its node
  std::string spec_hash;
  uint64_t stack_revision = 0;  // that placed it
  // Only the steps that are the controller's: pending, assigned, draining, stopping, lost,
  // completed, failed. What the agent reports in between is not stored; after a restart such a
  // replica is `assigned` until its node reports.
  ReplicaState state = ReplicaState::kPending;
  std::vector<PublishedPort> published;
  std::string reason;            // of draining or stopping: ScaleDown, Superseded, Replaced …
  bool forced = false;           // R5.3
  bool operator_change = false;  // R1.4
  bool remove_volumes = false;
  bool superseded = false;  // lost and replaced: to be removed when its node is back (R3.2)
  Resources reserved;       // what it holds on its node

  friend bool operator==(const ReplicaRecord&, const ReplicaRecord&) = default;
};

// An operator's word on a node.
enum class NodeAvailability { kActive, kCordoned, kDraining, kMaintenance };

struct NodeRecord {
  NodeId id;  // key
  std::string name;
  std::string engine_id;  // R1.7
  uint64_t revision = 0;  // of the last assignment (R1.2)
  uint32_t next_handle = 1;
  std::string address;      // advertise_address
  uint32_t port_first = 0;  // R6.2
  uint32_t port_last = 0;
  bool edge = false;  // runs a balancer; leaves the set only by an operator (R6.3)
  std::string edge_bind;
  Resources capacity;
  std::vector<std::pair<std::string, std::string>> labels;
  NodeAvailability availability = NodeAvailability::kActive;
  std::optional<absl::Time> drain_deadline = {};  // what has not left by then is stopped all the same
  std::optional<absl::Time> available_at = {};    // end of maintenance
  std::string availability_note = {};             // who said so, and why

  friend bool operator==(const NodeRecord&, const NodeRecord&) = default;
};

// A node that an operator removed: refused by name until it comes under a new id.
struct RemovedNode {
  NodeId id;
  std::string name;
  absl::Time at;

  friend bool operator==(const RemovedNode&, const RemovedNode&) = default;
};

// What holds for the cluster as a whole; one of it.
struct ClusterRecord {
  bool frozen = false;  // R10.1
  std::optional<absl::Time> frozen_until;
  std::string frozen_note;                      // who said so, and why
  std::vector<RemovedNode> removed_nodes = {};  // oldest first, bounded

  friend bool operator==(const ClusterRecord&, const ClusterRecord&) = default;
};

using Record = std::variant<StackRecord, ServiceRecord, ReplicaRecord, NodeRecord, ClusterRecord>;

// One change of the store. A batch is applied whole or not at all.
struct DeleteStack {
  std::string name;
};

struct DeleteService {
  ServiceKey key;
};

struct DeleteReplica {
  ReplicaId id;
};

struct DeleteNode {
  NodeId id;
};

using StoreChange = std::variant<StackRecord, ServiceRecord, ReplicaRecord, NodeRecord, ClusterRecord,
                                 DeleteStack, DeleteService, DeleteReplica, DeleteNode>;

// Everything the store holds, as the core starts from it.
struct StoredState {
  ClusterId cluster;
  std::vector<StackRecord> stacks;
  std::vector<ServiceRecord> services;
  std::vector<ReplicaRecord> replicas;
  std::vector<NodeRecord> nodes;
  ClusterRecord whole;
};

}  // namespace drover::controller
