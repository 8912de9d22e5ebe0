// What one signal asks for, before signals are combined: the common result of the rule families
// (utilization.h, average_value.h), with the words that explain it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace drover::controller {

struct Wish {
  std::optional<double> value;  // measured; absent: unknown
  std::string unknown_reason;   // when unknown; beside a value: why it is only a part of the whole
  std::optional<int64_t> raw;   // what the formula gives
  std::optional<int64_t> wish;  // `raw`, or the current count when `held_by` says why
  std::string formula;          // filled in: "ceil(2 × 85 / 60) = 3"
  std::string held_by;          // "tolerance", "missing"; empty: wish is raw
  std::string held_detail;
};

// A wish that is unknown for `reason`.
Wish UnknownWish(std::string reason);

// `wish` answered with `current` instead of its formula's count.
Wish HeldWish(Wish wish, int64_t current, std::string held_by, std::string detail);

// How far a ratio may be from 1 without an answer, as fractions.
struct Tolerance {
  double up = 0;
  double down = 0;
};

// HPA: (1 - down) <= ratio <= (1 + up), both ends within.
bool WithinTolerance(double ratio, const Tolerance& tolerance);

// ceil(x) as a count: never negative, at most 2^31 - 1.
int64_t CeilToCount(double x);

// For people: whole numbers without a point, others with at most three decimals.
std::string FormatNumber(double x);

}  // namespace drover::controller
