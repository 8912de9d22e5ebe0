#include "controller/core/autoscale/replica_group.h"

#include "controller/core/autoscale/saturating.h"

namespace drover::controller {
namespace {

bool CpuIsBelieved(const ReplicaStatus& replica, const SampleTime& sample, const GroupRule& rule) {
  if (!replica.ready || !replica.started_ago) {
    return false;
  }
  const Duration changed = replica.ready_changed.value_or(absl::InfiniteDuration());
  if (*replica.started_ago < rule.initialization) {
    // All of the sample must lie after the change.
    return *replica.ready && sample.age + sample.window <= changed;
  }
  const bool never_ready = changed > *replica.started_ago - rule.readiness_delay;
  return *replica.ready || !never_ready;
}

}  // namespace

ReplicaGroup GroupOf(const ReplicaStatus& replica, const std::optional<SampleTime>& sample,
                     const GroupRule& rule) {
  if (replica.deleting || replica.phase == ReplicaPhase::kFailed) {
    return ReplicaGroup::kIgnored;
  }
  if (replica.phase == ReplicaPhase::kPending) {
    return ReplicaGroup::kUnready;
  }
  if (!sample) {
    return ReplicaGroup::kMissing;
  }
  if (rule.cpu && !CpuIsBelieved(replica, *sample, rule)) {
    return ReplicaGroup::kUnready;
  }
  return ReplicaGroup::kReady;
}

Request RequestOf(const RequestSpec& spec, const std::string& container) {
  if (container.empty() && spec.whole) {
    return {.fault = RequestFault::kNone, .amount = *spec.whole};
  }
  Request request{.fault = container.empty() ? RequestFault::kNone : RequestFault::kNoSuchContainer};
  for (const auto* containers : {&spec.containers, &spec.sidecars}) {
    for (const ContainerAmount& one : *containers) {
      if (!container.empty() && one.name != container) {
        continue;
      }
      if (!one.amount) {
        return {.fault = RequestFault::kMissing};
      }
      request = {.fault = RequestFault::kNone, .amount = SaturatingAdd(request.amount, *one.amount)};
    }
  }
  return request;
}

std::optional<int64_t> UsageOf(const std::vector<ContainerAmount>& sample, const std::string& container) {
  std::optional<int64_t> sum;
  for (const ContainerAmount& one : sample) {
    if (!container.empty() && one.name != container) {
      continue;
    }
    if (!one.amount) {
      return std::nullopt;
    }
    sum = SaturatingAdd(sum.value_or(0), *one.amount);
  }
  return sum;
}

}  // namespace drover::controller
