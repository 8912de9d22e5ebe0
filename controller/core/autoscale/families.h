// The foreign families as a whole: what `policy: hpa`, `keda` and `kpa` make of the wishes of their
// signals. Operators' pauses and holds, bounds and the memory of changes come after, for every family.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controller/core/autoscale/decide.h"
#include "controller/core/autoscale/steps.h"
#include "controller/core/autoscale/wish.h"

namespace drover::controller {

constexpr Duration kHpaSync = absl::Seconds(15);  // between two passes of the HPA
constexpr Duration kKpaTick = absl::Seconds(2);
constexpr Duration kKpaGrace = absl::Seconds(30);  // KPA: scale-to-zero-grace-period

struct FamilyInput {
  const DecideInput& input;
  const std::vector<Wish>& wishes;  // by signal
  int64_t wish = 0;                 // largest; the current count when none is known
  std::string unknown;              // signals that are unknown, with their reasons; empty: none
  bool active = false;              // some shared signal is above its activation
};

struct FamilyAnswer {
  Steps steps;
  int64_t floor = 0;              // least count that the bounds allow
  std::string floor_detail = {};  // why; empty: it is min
  std::optional<Instant> due;     // when time alone may change the answer
};

// HPA v2: a pass every 15 s.
FamilyAnswer AnswerAsHpa(const FamilyInput& family, ScalingHistory& history, Decision& decision);

// The same with at least one replica, as KEDA's own HPA.
FamilyAnswer AnswerAsHpaAboveZero(const FamilyInput& family, ScalingHistory& history, Decision& decision);

// KEDA: activation at every evaluation, between min (at least 1) and max the HPA.
FamilyAnswer AnswerAsKeda(const FamilyInput& family, ScalingHistory& history, Decision& decision);

// KPA: the wishes are KpaWish's, a tick every 2 s; zero after a grace.
FamilyAnswer AnswerAsKpa(const FamilyInput& family, ScalingHistory& history, Decision& decision);

// What the panic and stable windows ask for, for one shared value of `target` a replica. Every value enters
// the windows; between ticks, and of an unknown one, the count stays.
Wish KpaWish(const SignalInput& measured, double target, const DecideInput& input, ScalingHistory& history);

}  // namespace drover::controller
