#include "controller/core/autoscale/stabilize.h"

#include <algorithm>
#include <limits>

namespace drover::controller {
namespace {

bool IsLive(const Recommendation& recommendation, Duration window, Instant now) {
  return now - recommendation.at < window;
}

}  // namespace

Stabilized Stabilize(const StabilizeInput& input, const std::deque<Recommendation>& earlier) {
  int64_t up = input.recommended;
  int64_t down = input.recommended;
  for (const Recommendation& r : earlier) {
    if (IsLive(r, input.up_window, input.now)) {
      up = std::min(up, r.value);
    }
    if (IsLive(r, input.down_window, input.now)) {
      down = std::max(down, r.value);
    }
  }
  Stabilized result{.value = std::min(std::max(input.current, up), down), .until = std::nullopt};
  if (result.value == input.recommended) {
    return result;
  }
  // Holding ends when the last recommendation that forbids the next step has left its window.
  const bool holds_down = input.recommended < result.value;
  const Duration window = holds_down ? input.down_window : input.up_window;
  for (const Recommendation& r : earlier) {
    const bool forbids = holds_down ? r.value >= result.value : r.value <= result.value;
    if (forbids && IsLive(r, window, input.now)) {
      result.until = std::max(result.until.value_or(r.at + window), r.at + window);
    }
  }
  return result;
}

int64_t StabilizeDownOnly(int64_t recommended, Duration window, const std::deque<Recommendation>& earlier,
                          Instant now) {
  int64_t most = recommended;
  for (const Recommendation& r : earlier) {
    if (IsLive(r, window, now)) {
      most = std::max(most, r.value);
    }
  }
  return most;
}

void Remember(std::deque<Recommendation>& history, Recommendation recommendation, Duration keep) {
  const auto old = [&](const Recommendation& earlier) { return recommendation.at - earlier.at > keep; };
  history.erase(std::remove_if(history.begin(), history.end(), old), history.end());
  history.push_back(recommendation);
}

void Compact(std::deque<Recommendation>& history) {
  int64_t most = std::numeric_limits<int64_t>::min();
  int64_t least = std::numeric_limits<int64_t>::max();
  std::deque<Recommendation> kept;
  for (auto r = history.rbegin(); r != history.rend(); ++r) {
    if (r->value > most || r->value < least) {
      kept.push_front(*r);
    }
    most = std::max(most, r->value);
    least = std::min(least, r->value);
  }
  history = std::move(kept);
}

}  // namespace drover::controller
