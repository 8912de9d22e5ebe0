// Monotonic time as a type of its own. Wall time is absl::Time and only for display, storage and
// schedules; the two never convert into each other (R2.1).
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

#include "absl/time/time.h"

namespace drover {

using Duration = absl::Duration;

// A point of CLOCK_BOOTTIME of one machine, in nanoseconds since its boot. Instants of different
// machines must not be compared. Sums stop at the ends of the range, 292 years away: a wait of ten thousand
// years, as people write for "never", ends there and not in the past.
class Instant {
 public:
  constexpr Instant() = default;

  static constexpr Instant FromNanoseconds(int64_t ns) {
    Instant t;
    t.ns_ = ns;
    return t;
  }

  constexpr int64_t nanoseconds() const { return ns_; }

  friend constexpr auto operator<=>(Instant a, Instant b) = default;

  friend Duration operator-(Instant a, Instant b) {
    int64_t ns = 0;
    return __builtin_sub_overflow(a.ns_, b.ns_, &ns) ? absl::Nanoseconds(a.ns_) - absl::Nanoseconds(b.ns_)
                                                     : absl::Nanoseconds(ns);
  }

  friend Instant operator+(Instant a, Duration d) {
    const int64_t step = absl::ToInt64Nanoseconds(d);
    int64_t ns = 0;
    return __builtin_add_overflow(a.ns_, step, &ns) ? End(step > 0) : FromNanoseconds(ns);
  }

  friend Instant operator-(Instant a, Duration d) {
    const int64_t step = absl::ToInt64Nanoseconds(d);
    int64_t ns = 0;
    return __builtin_sub_overflow(a.ns_, step, &ns) ? End(step < 0) : FromNanoseconds(ns);
  }

 private:
  static Instant End(bool last) {
    using Limits = std::numeric_limits<int64_t>;
    return FromNanoseconds(last ? Limits::max() : Limits::min());
  }

  int64_t ns_ = 0;
};

}  // namespace drover
