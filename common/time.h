// Monotonic time as a type of its own. Wall time is absl::Time and only for display, storage and
// schedules; the two never convert into each other (R2.1).
#pragma once

#include <compare>
#include <cstdint>

#include "absl/time/time.h"

namespace drover {

using Duration = absl::Duration;

// A point of CLOCK_BOOTTIME of one machine, in nanoseconds since its boot. Instants of different
// machines must not be compared.
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

  friend Duration operator-(Instant a, Instant b) { return absl::Nanoseconds(a.ns_ - b.ns_); }

  friend Instant operator+(Instant a, Duration d) {
    return FromNanoseconds(a.ns_ + absl::ToInt64Nanoseconds(d));
  }

  friend Instant operator-(Instant a, Duration d) {
    return FromNanoseconds(a.ns_ - absl::ToInt64Nanoseconds(d));
  }

 private:
  int64_t ns_ = 0;
};

}  // namespace drover
