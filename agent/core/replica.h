// One replica of this node as the agent's core knows it: what the engine shows, what was tried, and
// when it may be tried again. Folds observations in; core.cc asks it for the next step.
//
// Must not hold what the controller wants (that is HeldAssignment) nor issue actions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/core/event.h"
#include "agent/core/ready.h"

namespace drover::agent {

// Why a replica will not be started again by itself.
enum class Ended : uint8_t { kNo, kCompleted, kFailed };

struct BackoffRule {
  Duration first;  // R3.6
  Duration max;
  Duration reset;      // after this long of health the count starts again
  Duration readiness;  // running for this long is ready, without any check
};

struct Replica {
  ReplicaId id;
  std::optional<Container> container;  // as last believed
  std::optional<Instant> recheck_at;   // that belief is doubtful: inspect first, from then on
  std::string recheck_id;              // which container to inspect; empty: the believed one
  bool by_hand = false;                // and somebody else had a hand in it (R3.7)
  std::string left;                    // what a hand did to it stays so: "stopped", "removed"; empty: nothing
  std::optional<Action> running;       // the step under way

  bool begun = false;   // something was tried or seen here
  bool pulled = false;  // the image was made present for the next create
  Ended ended = Ended::kNo;
  uint32_t failures = 0;  // in a row: crashes and failed steps
  uint32_t starts = 0;
  std::optional<Instant> retry_at;
  std::optional<Instant> up_since;
  std::optional<Instant> ready_since;
  bool probed_ready = false;

  std::optional<int32_t> exit_code;
  bool oom_killed = false;
  std::string reason;
  std::string message;
  Duration pull, create, start, ready;

  bool fenced = false;             // stopped by R7.2, not crashed
  bool was_here = false;           // a container was seen
  bool confirmed = false;          // in `remove`: absent
  std::optional<StopResult> stop;  // of the stop that ran
};

// Created containers count as down: they were never started.
bool IsUp(const Container& container);

// The delay before attempt `failures` + 1: first × 2^(failures-1), at most max.
Duration BackoffDelay(const BackoffRule& rule, uint32_t failures);

// Notes that the replica's process ended by itself, and decides by the restart policy whether it is
// completed, failed, or waits out its back-off (R3.6, R7.3). `context` may be null: always restart.
void NoteExit(Replica& replica, const Container& container, const ServiceContext* context,
              const BackoffRule& rule, Instant now);

// Notes a step that failed for `reason`; it is tried again after a back-off.
void NoteFailedStep(Replica& replica, const std::string& reason, const std::string& message,
                    const BackoffRule& rule, Instant now);

// Believes `next` (absent: no container). Sets up_since and ready_since; does not judge exits.
void Believe(Replica& replica, std::optional<Container> next, Instant now);

// R3.4: whether a replica that is up is ready now.
bool IsReady(const Replica& replica, const ServiceContext& context, const BackoffRule& rule, Instant now);

// Keeps ready_since up to date; call after time passed or anything changed.
void UpdateReadiness(Replica& replica, const ServiceContext& context, const BackoffRule& rule, Instant now);

// The state to report of a replica in `run`.
ReplicaState RunState(const Replica& replica);

}  // namespace drover::agent
