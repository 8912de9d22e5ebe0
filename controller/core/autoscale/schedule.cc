#include "controller/core/autoscale/schedule.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace drover::controller {

ScheduleState ScheduleAt(const ScheduleSpec& schedule, absl::Time wall) {
  const absl::Time start = schedule.start.Next(wall, schedule.zone);
  const absl::Time end = schedule.end.Next(wall, schedule.zone);
  return {.inside = end < start, .changes = std::min(start, end)};
}

Wish ScheduleWish(const ScheduleSpec& schedule, absl::Time wall) {
  const ScheduleState state = ScheduleAt(schedule, wall);
  const std::string changes = absl::FormatTime("%Y-%m-%d %H:%M %Z", state.changes, schedule.zone);
  Wish wish;
  wish.raw = state.inside ? schedule.replicas : 0;
  wish.wish = wish.raw;
  wish.value = static_cast<double>(*wish.raw);
  wish.formula = state.inside ? absl::StrCat(schedule.replicas, " until ", changes)
                              : absl::StrCat("none until ", changes);
  return wish;
}

}  // namespace drover::controller
