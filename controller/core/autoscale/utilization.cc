#include "controller/core/autoscale/utilization.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace drover::controller {
namespace {

struct Sums {
  double used = 0;
  double reserved = 0;
  size_t count = 0;

  void Add(double used_by_one, double reserved_by_one) {
    used += used_by_one;
    reserved += reserved_by_one;
    ++count;
  }

  // The HPA counts in whole percent, truncated.
  double percent() const { return std::floor(used * 100 / reserved); }
};

std::string Formula(const Sums& sums, double target, int64_t result) {
  return absl::StrFormat("ceil(%d × %s / %s) = %d", sums.count, FormatNumber(sums.percent()),
                         FormatNumber(target), result);
}

std::string FilledNote(const UsageGroups& groups, double filled_percent, bool with_unready) {
  std::string note;
  if (!groups.missing.empty()) {
    absl::StrAppend(&note, ", ", groups.missing.size(), " missing as ", FormatNumber(filled_percent), " %");
  }
  if (with_unready && !groups.unready.empty()) {
    absl::StrAppend(&note, ", ", groups.unready.size(), " unready as 0 %");
  }
  return note;
}

std::string WhyUnknown(const std::vector<ReplicaUsage>& replicas, const UsageGroups& groups,
                       double missing_limit) {
  if (replicas.empty()) {
    return "no replica runs";
  }
  for (const ReplicaUsage& replica : replicas) {
    if (replica.reserved <= 0) {
      return "a replica has no reservation to measure against";
    }
  }
  const size_t expected = groups.ready.size() + groups.missing.size();
  if (expected == 0) {
    return "no replica is ready and past its warm-up";
  }
  const double missing = static_cast<double>(groups.missing.size());
  if (groups.ready.empty() || missing > missing_limit * static_cast<double>(expected)) {
    return absl::StrFormat("%d of %d replicas have no fresh sample", groups.missing.size(), expected);
  }
  return "";
}

// Second pass of the HPA: what was left out comes in at the value least favourable to the action.
Wish FilledWish(const std::vector<ReplicaUsage>& replicas, const UsageGroups& groups,
                const UtilizationRule& rule, Sums sums, Wish wish) {
  const double first = sums.percent() / rule.target;
  const double missing_percent = first < 1 ? std::max(100.0, rule.target) : 0;
  if (first != 1) {
    for (const size_t i : groups.missing) {
      sums.Add(std::floor(replicas[i].reserved * missing_percent / 100), replicas[i].reserved);
    }
  }
  if (first > 1) {
    for (const size_t i : groups.unready) {
      sums.Add(0, replicas[i].reserved);
    }
  }
  const double second = sums.percent() / rule.target;
  wish.raw = CeilToCount(second * static_cast<double>(sums.count));
  wish.formula =
      absl::StrCat(Formula(sums, rule.target, *wish.raw), FilledNote(groups, missing_percent, first > 1));
  if (WithinTolerance(second, rule.tolerance)) {
    return HeldWish(std::move(wish), rule.current, "tolerance",
                    absl::StrFormat("%s %% of %s %% is within %s %%", FormatNumber(sums.percent()),
                                    FormatNumber(rule.target), FormatNumber(rule.tolerance * 100)));
  }
  const bool turned = (first < 1) != (second < 1);
  const bool contradicts =
      (second < 1 && *wish.raw > rule.current) || (second > 1 && *wish.raw < rule.current);
  if (turned || contradicts) {
    return HeldWish(std::move(wish), rule.current, "missing",
                    absl::StrFormat("%s %% measured, %s %% with the replicas that could not be counted: "
                                    "no clear direction",
                                    FormatNumber(*wish.value), FormatNumber(sums.percent())));
  }
  wish.wish = wish.raw;
  return wish;
}

}  // namespace

UsageGroups GroupReplicas(const std::vector<ReplicaUsage>& replicas, bool believe_when_ready_only) {
  UsageGroups groups;
  for (size_t i = 0; i < replicas.size(); ++i) {
    const ReplicaUsage& replica = replicas[i];
    const bool unready = believe_when_ready_only ? !replica.ready || replica.warming_up
                                                 : !replica.ready && !replica.used.has_value();
    if (unready) {
      groups.unready.push_back(i);
    } else if (!replica.used.has_value()) {
      groups.missing.push_back(i);
    } else {
      groups.ready.push_back(i);
    }
  }
  return groups;
}

Wish UtilizationWish(const std::vector<ReplicaUsage>& replicas, const UtilizationRule& rule) {
  const UsageGroups groups = GroupReplicas(replicas, rule.believe_when_ready_only);
  if (std::string unknown = WhyUnknown(replicas, groups, rule.missing_limit); !unknown.empty()) {
    return UnknownWish(std::move(unknown));
  }
  Sums sums;
  for (const size_t i : groups.ready) {
    sums.Add(*replicas[i].used, replicas[i].reserved);
  }
  Wish wish;
  wish.value = sums.percent();
  const double ratio = sums.percent() / rule.target;
  if (!groups.missing.empty() || (!groups.unready.empty() && ratio > 1)) {
    return FilledWish(replicas, groups, rule, sums, std::move(wish));
  }
  wish.raw = CeilToCount(ratio * static_cast<double>(sums.count));
  wish.formula = Formula(sums, rule.target, *wish.raw);
  if (WithinTolerance(ratio, rule.tolerance)) {
    return HeldWish(std::move(wish), rule.current, "tolerance",
                    absl::StrFormat("%s %% of %s %% is within %s %%", FormatNumber(sums.percent()),
                                    FormatNumber(rule.target), FormatNumber(rule.tolerance * 100)));
  }
  wish.wish = wish.raw;
  return wish;
}

}  // namespace drover::controller
