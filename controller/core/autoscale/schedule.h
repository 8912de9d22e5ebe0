// The `schedule` signal: so many replicas between two cron times of a zone, nothing outside. Always
// known; by the wall clock, which is the one thing here that may step.
#pragma once

#include "absl/time/time.h"
#include "controller/core/autoscale/wish.h"
#include "controller/core/spec.h"

namespace drover::controller {

struct ScheduleState {
  bool inside = false;
  absl::Time changes;  // the next start, or the end
};

// Inside when the next end comes before the next start. The moment of a start is inside, that of an end
// is not.
ScheduleState ScheduleAt(const ScheduleSpec& schedule, absl::Time wall);

// Value and wish: the replicas that it asks for now.
Wish ScheduleWish(const ScheduleSpec& schedule, absl::Time wall);

}  // namespace drover::controller
