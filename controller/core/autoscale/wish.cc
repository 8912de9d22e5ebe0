#include "controller/core/autoscale/wish.h"

#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace drover::controller {

Wish UnknownWish(std::string reason) {
  Wish wish;
  wish.unknown_reason = std::move(reason);
  return wish;
}

Wish HeldWish(Wish wish, int64_t current, std::string held_by, std::string detail) {
  wish.wish = current;
  wish.held_by = std::move(held_by);
  wish.held_detail = std::move(detail);
  return wish;
}

bool WithinTolerance(double ratio, const Tolerance& tolerance) {
  return 1 - tolerance.down <= ratio && ratio <= 1 + tolerance.up;
}

int64_t CeilToCount(double x) {
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  if (!(x > 0)) {
    return 0;
  }
  return x >= static_cast<double>(kMost) ? kMost : static_cast<int64_t>(std::ceil(x));
}

std::string FormatNumber(double x) {
  if (x == std::floor(x) && std::abs(x) < 1e15) {
    return absl::StrCat(static_cast<int64_t>(x));
  }
  std::string text = absl::StrFormat("%.3f", x);
  while (text.back() == '0') {
    text.pop_back();
  }
  if (text.back() == '.') {
    text.pop_back();
  }
  return text;
}

}  // namespace drover::controller
