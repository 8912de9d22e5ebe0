// Stabilization windows as the HPA has them: down to the largest recommendation of the down window, up
// to the smallest of the up window. The ends are strict: a recommendation as old as the window is out.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "common/time.h"
#include "controller/core/autoscale/decide.h"

namespace drover::controller {

struct StabilizeInput {
  int64_t current = 0;
  int64_t recommended = 0;
  Duration up_window;    // 0: none
  Duration down_window;  // 0: none
  Instant now;
};

struct Stabilized {
  int64_t value = 0;
  // When held back (value is not `recommended`): the instant at which time alone lets go.
  std::optional<Instant> until;
};

// `earlier` are the raw recommendations so far, oldest first; `recommended` need not be among them.
Stabilized Stabilize(const StabilizeInput& input, const std::deque<Recommendation>& earlier);

// Appends `recommendation` and forgets what can never matter again: what is as old as `keep`, and what
// is neither above nor below everything newer. The length is bounded by the number of different counts.
void Remember(std::deque<Recommendation>& history, Recommendation recommendation, Duration keep);

}  // namespace drover::controller
