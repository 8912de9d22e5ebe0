// The life of a replica (R3.1): one enum and one table of legal steps for controller, agent, tests
// and documentation.
//
//   pending → assigned → pulling → starting → running → ready → draining → stopping → gone
//
// with warm, thawing, completed, failed and lost beside. The numbers are those of the wire
// (proto/drover/v1/agent.proto, ReplicaState).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace drover {

enum class ReplicaState : uint8_t {
  kPending = 1,     // wanted, no node has room yet
  kAssigned = 2,    // bound to a node for ever, the agent has not reported it
  kPulling = 3,     // the agent makes the image present
  kStarting = 4,    // created, the start call is under way, or waiting out a crash back-off
  kRunning = 5,     // the process runs, not ready (R3.4)
  kReady = 6,       // may receive work
  kWarm = 7,        // ready once, frozen (R11)
  kThawing = 8,     // warm → ready
  kDraining = 9,    // no new work; leaves the balancers; may be recalled
  kStopping = 10,   // in the node's `remove` list: will end, cannot be recalled
  kCompleted = 11,  // a task that exited 0 (R7.3)
  kFailed = 12,     // will not be started again by itself
  kGone = 13,       // confirmed absent
  kLost = 14,       // its node is lost; unknown whether it runs
};

inline constexpr size_t kReplicaStates = 15;  // for arrays by state; 0 is none

inline constexpr std::array kAllReplicaStates = {
    ReplicaState::kPending,  ReplicaState::kAssigned, ReplicaState::kPulling,   ReplicaState::kStarting,
    ReplicaState::kRunning,  ReplicaState::kReady,    ReplicaState::kWarm,      ReplicaState::kThawing,
    ReplicaState::kDraining, ReplicaState::kStopping, ReplicaState::kCompleted, ReplicaState::kFailed,
    ReplicaState::kGone,     ReplicaState::kLost};

// Lower-case word, as in the rules: "pending".
absl::string_view ToString(ReplicaState state);

// True when a replica may go from `from` to `to` in one step; staying is always legal.
bool IsLegalStep(ReplicaState from, ReplicaState to);

// Assigned, pulling or starting: on its way to running.
constexpr bool IsStarting(ReplicaState s) {
  return s == ReplicaState::kAssigned || s == ReplicaState::kPulling || s == ReplicaState::kStarting;
}

// Counts towards `desired` and `max` (R3.3): wanted and not on its way out.
constexpr bool IsActive(ReplicaState s) {
  return s == ReplicaState::kPending || IsStarting(s) || s == ReplicaState::kRunning ||
         s == ReplicaState::kReady || s == ReplicaState::kThawing;
}

// Holds its reservation on its node.
constexpr bool HoldsReservation(ReplicaState s) {
  return IsStarting(s) || s == ReplicaState::kRunning || s == ReplicaState::kReady ||
         s == ReplicaState::kWarm || s == ReplicaState::kThawing || s == ReplicaState::kDraining ||
         s == ReplicaState::kStopping || s == ReplicaState::kLost;
}

}  // namespace drover
