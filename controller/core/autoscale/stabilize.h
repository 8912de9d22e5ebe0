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

// Without behaviour rules the HPA knows one window only: the largest recommendation of the last
// `window`, also where that is above the current count.
int64_t StabilizeDownOnly(int64_t recommended, Duration window, const std::deque<Recommendation>& earlier,
                          Instant now);

// Appends `recommendation` and forgets those older than `keep`, the longest window.
void Remember(std::deque<Recommendation>& history, Recommendation recommendation, Duration keep);

// Forgets what can never matter again: what is neither above nor below everything newer. Every window's
// largest and smallest stay, and the length is bounded by the number of different counts.
void Compact(std::deque<Recommendation>& history);

}  // namespace drover::controller
