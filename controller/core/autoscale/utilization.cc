#include "controller/core/autoscale/utilization.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/core/autoscale/saturating.h"

namespace drover::controller {
namespace {

int64_t CountOf(const std::vector<ReplicaGroup>& groups, ReplicaGroup group) {
  return std::count(groups.begin(), groups.end(), group);
}

std::string Formula(const TwoPassCount& count, const std::vector<ReplicaGroup>& groups, double target) {
  std::string text = absl::StrFormat("ceil(%d × %d / %s) = %d", count.counted, count.measured,
                                     FormatNumber(target), count.formula);
  const int64_t missing = CountOf(groups, ReplicaGroup::kMissing);
  const int64_t unready = CountOf(groups, ReplicaGroup::kUnready);
  if (missing > 0) {
    absl::StrAppend(&text, ", ", missing, " missing as ", FormatNumber(count.missing_percent), " %");
  }
  if (count.unready_filled && unready > 0) {
    absl::StrAppend(&text, ", ", unready, " unready as 0 %");
  }
  return text;
}

std::string WhyUnknown(const std::vector<ReplicaUsage>& replicas, const std::vector<ReplicaGroup>& groups,
                       double missing_limit) {
  for (const ReplicaUsage& replica : replicas) {
    if (replica.reserved <= 0) {
      return "a replica has no reservation to measure against";
    }
  }
  return WhyUncounted(groups, missing_limit);
}

std::string HeldDetail(const TwoPassCount& count, const UtilizationRule& rule) {
  if (count.held == TwoPassCount::Held::kNoClearDirection) {
    return absl::StrFormat(
        "%d %% measured, %d %% with the replicas that could not be counted: no clear direction",
        count.utilization, count.measured);
  }
  const bool above = static_cast<double>(count.measured) > rule.target;
  return absl::StrFormat("%d %% of %s %% is within %s %%", count.measured, FormatNumber(rule.target),
                         FormatNumber((above ? rule.tolerance.up : rule.tolerance.down) * 100));
}

std::optional<SampleTime> SampleOf(const ReplicaUsage& replica) {
  return replica.used ? std::optional<SampleTime>(replica.sample) : std::nullopt;
}

}  // namespace

std::string WhyUncounted(const std::vector<ReplicaGroup>& groups, double missing_limit) {
  if (groups.empty()) {
    return "no replica runs";
  }
  const int64_t ready = CountOf(groups, ReplicaGroup::kReady);
  const int64_t missing = CountOf(groups, ReplicaGroup::kMissing);
  if (ready + missing == 0) {
    return "no replica is ready and past its warm-up";
  }
  if (ready == 0 || static_cast<double>(missing) > missing_limit * static_cast<double>(ready + missing)) {
    return absl::StrFormat("%d of %d replicas have no fresh sample", missing, ready + missing);
  }
  return "";
}

std::vector<ReplicaGroup> GroupReplicas(const std::vector<ReplicaUsage>& replicas,
                                        bool believe_when_ready_only) {
  std::vector<ReplicaGroup> groups;
  for (const ReplicaUsage& replica : replicas) {
    const bool unready = believe_when_ready_only ? !replica.ready || replica.warming_up
                                                 : !replica.ready && !replica.used.has_value();
    if (unready) {
      groups.push_back(ReplicaGroup::kUnready);
    } else {
      groups.push_back(replica.used ? ReplicaGroup::kReady : ReplicaGroup::kMissing);
    }
  }
  return groups;
}

std::vector<ReplicaGroup> GroupAsHpa(const std::vector<ReplicaUsage>& replicas, const GroupRule& rule) {
  std::vector<ReplicaGroup> groups;
  for (const ReplicaUsage& replica : replicas) {
    groups.push_back(GroupOf(replica.status, SampleOf(replica), rule));
  }
  return groups;
}

Wish UtilizationWish(const std::vector<ReplicaUsage>& replicas, const UtilizationRule& rule) {
  return UtilizationWish(replicas, GroupReplicas(replicas, rule.believe_when_ready_only), rule);
}

Wish UtilizationWish(const std::vector<ReplicaUsage>& replicas, const std::vector<ReplicaGroup>& groups,
                     const UtilizationRule& rule) {
  if (std::string unknown = WhyUnknown(replicas, groups, rule.missing_limit); !unknown.empty()) {
    return UnknownWish(std::move(unknown));
  }
  std::vector<UsageEntry> entries;
  for (size_t i = 0; i < replicas.size(); ++i) {
    entries.push_back({.group = groups[i],
                       .used = SaturatingFromDouble(replicas[i].used.value_or(0)),
                       .request = SaturatingFromDouble(replicas[i].reserved)});
  }
  const TwoPassCount count = *CountByUsage(entries, {.kind = TwoPassRule::Target::kUtilization,
                                                     .target = rule.target,
                                                     .tolerance = rule.tolerance,
                                                     .current = rule.current});
  Wish wish;
  wish.value = static_cast<double>(count.utilization);
  wish.raw = count.formula;
  wish.formula = Formula(count, groups, rule.target);
  switch (count.held) {
    case TwoPassCount::Held::kTolerance:
      return HeldWish(std::move(wish), rule.current, "tolerance", HeldDetail(count, rule));
    case TwoPassCount::Held::kNoClearDirection:
      return HeldWish(std::move(wish), rule.current, "missing", HeldDetail(count, rule));
    case TwoPassCount::Held::kNo:
      break;
  }
  wish.wish = wish.raw;
  return wish;
}

}  // namespace drover::controller
