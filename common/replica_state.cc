#include "common/replica_state.h"

#include <initializer_list>

namespace drover {
namespace {

using S = ReplicaState;

constexpr uint32_t Bit(S s) { return 1U << static_cast<uint32_t>(s); }

constexpr uint32_t Bits(std::initializer_list<S> states) {
  uint32_t bits = 0;
  for (const S s : states) {
    bits |= Bit(s);
  }
  return bits;
}

// What the agent may report of a replica that is assigned and not being removed: containers crash,
// restart and recover at any time, so these reach each other freely.
constexpr uint32_t kAlive =
    Bits({S::kPulling, S::kStarting, S::kRunning, S::kReady, S::kCompleted, S::kFailed});
// What the controller may do with a replica that is on a node, whatever it does there.
constexpr uint32_t kOrders = Bits({S::kDraining, S::kStopping, S::kLost, S::kGone});

constexpr uint32_t LegalFrom(S from) {
  switch (from) {
    case S::kPending:
      return Bits({S::kAssigned, S::kGone});
    case S::kAssigned:
    case S::kPulling:
    case S::kStarting:
      return kAlive | kOrders;
    case S::kRunning:
    case S::kReady:
      return kAlive | kOrders | Bit(S::kWarm);
    case S::kWarm:
      return Bits({S::kThawing, S::kStarting, S::kFailed}) | kOrders;
    case S::kThawing:
      return kAlive | kOrders;
    case S::kDraining:  // recall (R3.1), or on with the stop
      return kAlive | kOrders;
    case S::kStopping:
      return Bits({S::kGone, S::kLost});
    case S::kCompleted:
    case S::kFailed:
      return Bits({S::kStopping, S::kGone, S::kLost, S::kStarting});
    case S::kLost:  // the node came back
      return kAlive | kOrders | Bit(S::kAssigned);
    case S::kGone:
      return 0;
  }
  return 0;
}

}  // namespace

absl::string_view ToString(ReplicaState state) {
  switch (state) {
    case S::kPending:
      return "pending";
    case S::kAssigned:
      return "assigned";
    case S::kPulling:
      return "pulling";
    case S::kStarting:
      return "starting";
    case S::kRunning:
      return "running";
    case S::kReady:
      return "ready";
    case S::kWarm:
      return "warm";
    case S::kThawing:
      return "thawing";
    case S::kDraining:
      return "draining";
    case S::kStopping:
      return "stopping";
    case S::kCompleted:
      return "completed";
    case S::kFailed:
      return "failed";
    case S::kGone:
      return "gone";
    case S::kLost:
      return "lost";
  }
  return "?";
}

bool IsLegalStep(ReplicaState from, ReplicaState to) {
  return from == to || (LegalFrom(from) & Bit(to)) != 0;
}

}  // namespace drover
