#include "controller/core/autoscale/average_value.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/core/autoscale/totals.h"

namespace drover::controller {

Wish AverageValueWish(std::optional<double> total, const std::string& unknown_reason,
                      const AverageValueRule& rule) {
  if (!total.has_value()) {
    return UnknownWish(unknown_reason.empty() ? "no sample" : unknown_reason);
  }
  Wish wish;
  wish.value = total;
  const SharedValueCount count =
      CountByAverage(*total, {.target = rule.target, .tolerance = rule.tolerance, .current = rule.current});
  wish.raw = count.formula;
  wish.formula =
      absl::StrFormat("ceil(%s / %s) = %d", FormatNumber(*total), FormatNumber(rule.target), *wish.raw);
  if (rule.current == 0 && *total <= rule.activation) {
    const std::string detail =
        absl::StrCat(FormatNumber(*total), " is not above ", FormatNumber(rule.activation));
    return HeldWish(std::move(wish), 0, "activation", detail);
  }
  if (count.held) {
    const bool above = *total > rule.target * static_cast<double>(rule.current);
    const std::string detail = absl::StrFormat(
        "%s for %d replicas is within %s %% of %s each", FormatNumber(*total), rule.current,
        FormatNumber((above ? rule.tolerance.up : rule.tolerance.down) * 100), FormatNumber(rule.target));
    return HeldWish(std::move(wish), rule.current, "tolerance", detail);
  }
  wish.wish = wish.raw;
  return wish;
}

}  // namespace drover::controller
