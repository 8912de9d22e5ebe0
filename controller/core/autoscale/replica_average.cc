#include "controller/core/autoscale/replica_average.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/core/autoscale/saturating.h"
#include "controller/core/autoscale/two_pass.h"
#include "controller/core/autoscale/utilization.h"

namespace drover::controller {
namespace {

constexpr double kThousandths = 1000;

std::string AverageFormula(const TwoPassCount& count, const std::vector<ReplicaGroup>& groups,
                           double target) {
  std::string text = absl::StrFormat("ceil(%d × %s / %s) = %d", count.counted,
                                     FormatNumber(static_cast<double>(count.measured) / kThousandths),
                                     FormatNumber(target), count.formula);
  if (const auto missing = std::count(groups.begin(), groups.end(), ReplicaGroup::kMissing); missing > 0) {
    absl::StrAppend(&text, ", ", missing, " missing as ",
                    count.missing_percent > 0 ? FormatNumber(target) : "0");
  }
  const auto unready = std::count(groups.begin(), groups.end(), ReplicaGroup::kUnready);
  if (count.unready_filled && unready > 0) {
    absl::StrAppend(&text, ", ", unready, " unready as 0");
  }
  return text;
}

}  // namespace

Wish ReplicaAverageWish(const std::vector<ReplicaUsage>& replicas, const std::vector<ReplicaGroup>& groups,
                        const ReplicaAverageRule& rule) {
  if (std::string unknown = WhyUncounted(groups, rule.missing_limit); !unknown.empty()) {
    return UnknownWish(std::move(unknown));
  }
  std::vector<UsageEntry> entries;
  for (size_t i = 0; i < replicas.size(); ++i) {
    entries.push_back(
        {.group = groups[i], .used = SaturatingFromDouble(replicas[i].used.value_or(0) * kThousandths)});
  }
  const TwoPassCount count = *CountByUsage(entries, {.kind = TwoPassRule::Target::kAverage,
                                                     .target = rule.target * kThousandths,
                                                     .tolerance = rule.tolerance,
                                                     .current = rule.current});
  Wish wish;
  wish.value = static_cast<double>(count.average) / kThousandths;
  wish.raw = count.formula;
  wish.formula = AverageFormula(count, groups, rule.target);
  const double measured = static_cast<double>(count.measured) / kThousandths;
  if (count.held == TwoPassCount::Held::kTolerance) {
    const double within = measured > rule.target ? rule.tolerance.up : rule.tolerance.down;
    return HeldWish(std::move(wish), rule.current, "tolerance",
                    absl::StrFormat("%s of %s is within %s %%", FormatNumber(measured),
                                    FormatNumber(rule.target), FormatNumber(within * 100)));
  }
  if (count.held == TwoPassCount::Held::kNoClearDirection) {
    return HeldWish(std::move(wish), rule.current, "missing",
                    absl::StrFormat("%s measured, %s with the replicas that could not be counted: no clear "
                                    "direction",
                                    FormatNumber(*wish.value), FormatNumber(measured)));
  }
  wish.wish = wish.raw;
  const int64_t least = rule.current - std::max<int64_t>(1, rule.current / 4);
  if (rule.careful_down && *wish.raw < least) {
    return HeldWish(
        std::move(wish), least, "careful",
        "an empty backlog shows that there is enough, not how much less would be: a quarter of the "
        "count at most");
  }
  return wish;
}

}  // namespace drover::controller
