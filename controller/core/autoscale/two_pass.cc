#include "controller/core/autoscale/two_pass.h"

#include <algorithm>
#include <cmath>

#include "controller/core/autoscale/saturating.h"

namespace drover::controller {
namespace {

using Held = TwoPassCount::Held;

struct Sums {
  int64_t used = 0;
  int64_t request = 0;
  int64_t count = 0;

  void Add(int64_t used_by_one, int64_t request_of_one) {
    used = SaturatingAdd(used, used_by_one);
    request = SaturatingAdd(request, request_of_one);
    ++count;
  }

  int64_t utilization() const { return request > 0 ? MulDiv(used, 100, request) : 0; }

  int64_t average() const { return used / count; }

  int64_t measured(TwoPassRule::Target kind) const {
    return kind == TwoPassRule::Target::kUtilization ? utilization() : average();
  }
};

int64_t PercentOf(int64_t request, double percent) {
  constexpr int64_t kScale = 1000;  // targets have at most three decimals
  return MulDiv(request, std::llround(percent * kScale), 100 * kScale);
}

// What was left out comes in at the value least favourable to the action; at the target exactly
// nothing does, and on the way down unready replicas stay out.
Sums Filled(const std::vector<UsageEntry>& replicas, const TwoPassRule& rule, double ratio, Sums sums,
            TwoPassCount& result) {
  const bool by_request = rule.kind == TwoPassRule::Target::kUtilization;
  result.missing_percent = ratio < 1 ? std::max(100.0, rule.target) : 0;
  result.unready_filled = ratio > 1;
  for (const UsageEntry& replica : replicas) {
    if (replica.group == ReplicaGroup::kMissing && ratio < 1) {
      sums.Add(
          by_request ? PercentOf(replica.request, result.missing_percent) : SaturatingFromDouble(rule.target),
          replica.request);
    } else if (ratio > 1 &&
               (replica.group == ReplicaGroup::kMissing || replica.group == ReplicaGroup::kUnready)) {
      sums.Add(0, replica.request);
    }
  }
  return sums;
}

void Answer(const Sums& sums, const TwoPassRule& rule, double ratio, TwoPassCount& result) {
  result.counted = sums.count;
  result.measured = sums.measured(rule.kind);
  result.formula = CeilToCount(ratio * static_cast<double>(sums.count));
  result.held = WithinTolerance(ratio, rule.tolerance) ? Held::kTolerance : Held::kNo;
}

}  // namespace

std::optional<TwoPassCount> CountByUsage(const std::vector<UsageEntry>& replicas, const TwoPassRule& rule) {
  Sums sums;
  bool missing = false;
  bool unready = false;
  for (const UsageEntry& replica : replicas) {
    missing |= replica.group == ReplicaGroup::kMissing;
    unready |= replica.group == ReplicaGroup::kUnready;
    if (replica.group == ReplicaGroup::kReady) {
      sums.Add(replica.used, replica.request);
    }
  }
  if (sums.count == 0) {
    return std::nullopt;
  }
  TwoPassCount result;
  result.utilization = sums.utilization();
  result.average = sums.average();
  const double first = static_cast<double>(sums.measured(rule.kind)) / rule.target;
  if (!missing && !(unready && first > 1)) {
    Answer(sums, rule, first, result);
  } else {
    sums = Filled(replicas, rule, first, sums, result);
    const double second = static_cast<double>(sums.measured(rule.kind)) / rule.target;
    Answer(sums, rule, second, result);
    const bool turned = (first < 1 && second > 1) || (first > 1 && second < 1);
    const bool contradicts =
        (second < 1 && result.formula > rule.current) || (second > 1 && result.formula < rule.current);
    if (result.held == Held::kNo && (turned || contradicts)) {
      result.held = Held::kNoClearDirection;
    }
  }
  result.count = result.held == Held::kNo ? result.formula : rule.current;
  return result;
}

}  // namespace drover::controller
