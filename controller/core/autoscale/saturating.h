// Whole-number arithmetic that stops at the ends of int64_t instead of wrapping: metric values and
// counts of foreign sources reach 2^63 - 1.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace drover::controller {

inline int64_t SaturatingAdd(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) {
    return sum;
  }
  return b > 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
}

inline int64_t SaturatingSub(int64_t a, int64_t b) {
  int64_t difference = 0;
  if (!__builtin_sub_overflow(a, b, &difference)) {
    return difference;
  }
  return b < 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
}

// Truncates toward zero; 0 for what is not a number.
inline int64_t SaturatingFromDouble(double x) {
  constexpr double kEnd = 9223372036854775808.0;  // 2^63
  if (std::isnan(x)) {
    return 0;
  }
  if (x >= kEnd) {
    return std::numeric_limits<int64_t>::max();
  }
  return x < -kEnd ? std::numeric_limits<int64_t>::min() : static_cast<int64_t>(x);
}

// a × b / c truncated toward zero, exact in between. `c` is not 0.
inline int64_t MulDiv(int64_t a, int64_t b, int64_t c) {
  __extension__ using Wide = __int128;
  const Wide x = static_cast<Wide>(a) * b / c;
  if (x > std::numeric_limits<int64_t>::max()) {
    return std::numeric_limits<int64_t>::max();
  }
  return x < std::numeric_limits<int64_t>::min() ? std::numeric_limits<int64_t>::min()
                                                 : static_cast<int64_t>(x);
}

}  // namespace drover::controller
