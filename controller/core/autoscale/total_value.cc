#include "controller/core/autoscale/total_value.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/core/autoscale/totals.h"

namespace drover::controller {

Wish TotalValueWish(std::optional<double> total, const std::string& unknown_reason,
                    const TotalValueRule& rule) {
  if (!total.has_value()) {
    return UnknownWish(unknown_reason.empty() ? "no sample" : unknown_reason);
  }
  Wish wish;
  wish.value = total;
  const SharedValueCount count = CountByTotal(
      *total,
      {.target = rule.target, .tolerance = rule.tolerance, .current = rule.current, .ready = rule.ready});
  wish.raw = count.formula;
  const std::string whole = absl::StrCat(FormatNumber(*total), " / ", FormatNumber(rule.target));
  if (rule.current == 0) {
    wish.formula = absl::StrFormat("ceil(%s) = %d", whole, *wish.raw);
    if (*total <= rule.activation) {
      const std::string detail =
          absl::StrCat(FormatNumber(*total), " is not above ", FormatNumber(rule.activation));
      return HeldWish(std::move(wish), 0, "activation", detail);
    }
    wish.wish = wish.raw;
    return wish;
  }
  wish.formula = absl::StrFormat("ceil(%d × %s) = %d", rule.ready, whole, *wish.raw);
  if (rule.ready == 0 && rule.hold_without_ready) {
    return HeldWish(std::move(wish), rule.current, "not ready",
                    "no replica is ready, so the total says nothing about their number");
  }
  if (count.held) {
    const bool above = *total > rule.target;
    const std::string detail = absl::StrFormat(
        "%s is within %s %% of %s", FormatNumber(*total),
        FormatNumber((above ? rule.tolerance.up : rule.tolerance.down) * 100), FormatNumber(rule.target));
    return HeldWish(std::move(wish), rule.current, "tolerance", detail);
  }
  wish.wish = wish.raw;
  return wish;
}

}  // namespace drover::controller
