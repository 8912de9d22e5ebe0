// Whether an assignment may be obeyed, and what is held afterwards. Pure values: the rules of orders
// and their age (R1) in one place, apart from acting on them.
//
//   held + assignment ─► JudgeAssignment ─► next held, or why it is refused
//
// Must not look at containers: which replicas live here is an argument.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "agent/core/event.h"

namespace drover::agent {

enum class Verdict : uint8_t {
  kApplied,          // `next` is to be kept and acted upon
  kDuplicate,        // a delta that is held already
  kOtherBase,        // a delta on something else, or a spec is missing: ask for the whole (R1.5)
  kStale,            // older than what was seen (R1.2)
  kClusterMismatch,  // from another cluster (R1.1)
  kMassRemoval,      // would remove most of what runs here, without an operator (R1.4)
};

// What the node has, as far as judging needs it.
struct NodeFacts {
  // The node's replicas as R1.4 counts them: all that are held, ended ones too, so that the
  // controller comes to the same count, and unknown ones that run. Those in held.remove are left out.
  std::set<ReplicaId> here;
  bool keep_all_contexts = false;    // nothing is known of the containers yet
  std::set<std::string> used_specs;  // of containers that exist: their contexts are kept for stopping
};

struct Judgement {
  Verdict verdict = Verdict::kApplied;
  HeldAssignment next;  // kApplied only
  std::string message;  // for people; empty for kApplied and kDuplicate
};

// Never fails. `next.boot_id` is taken over from `held`. A full assignment under the (epoch,
// revision) that is held already is applied again, which changes nothing.
Judgement JudgeAssignment(const HeldAssignment& held, const Assignment& assignment, const NodeFacts& facts);

// The entry of a sorted list, or null.
const RunReplica* FindRun(const HeldAssignment& held, ReplicaId id);
const RemoveReplica* FindRemove(const HeldAssignment& held, ReplicaId id);
const ServiceContext* FindContext(const HeldAssignment& held, const std::string& spec_hash);

}  // namespace drover::agent
