#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/cron.h"
#include "controller/runtime/validate.h"
#include "controller/runtime/validate_internal.h"

namespace drover::controller {
namespace {

void CheckSchedule(const v1::ScheduleSignal& schedule, uint32_t max, const std::string& path,
                   Faults& faults) {
  for (const auto& [field, text] : {std::pair("start", schedule.start()), std::pair("end", schedule.end())}) {
    if (const auto cron = Cron::Parse(text); !cron.ok()) {
      Add(faults, absl::StrCat(path, ".", field), cron.status().message());
    }
  }
  if (const auto zone = FindTimeZone(schedule.time_zone()); !zone.ok()) {
    Add(faults, path + ".timeZone", zone.status().message());
  }
  if (schedule.replicas() < 1 || schedule.replicas() > max) {
    Add(faults, path + ".replicas", absl::StrCat("must be 1 to max (", max, "), was ", schedule.replicas()));
  }
}

void CheckTolerance(const v1::ScalingBehavior& behavior, const std::string& path, Faults& faults) {
  if (behavior.has_tolerance() && !(behavior.tolerance() >= 0 && behavior.tolerance() <= 10)) {
    Add(faults, path + ".tolerance", "must be 0 to 10, 0.1 for 10 %");
  }
}

bool IsOfKpa(const v1::SignalSpec& signal) {
  return signal.has_in_flight() || signal.has_rate() || signal.queue().per_replica() > 0;
}

}  // namespace

void PolicyFaults(const v1::AutoscaleSpec& scale, const std::string& path, Faults& faults) {
  const std::string& policy = scale.policy();
  if (!policy.empty() && policy != "drover" && policy != "hpa" && policy != "kpa" && policy != "keda") {
    Add(faults, path + ".policy", absl::StrCat("\"", policy, "\" is unknown; give drover, hpa, kpa or keda"));
  }
  if (policy == "kpa" && (scale.signals_size() != 1 || !IsOfKpa(scale.signals(0)))) {
    Add(faults, path + ".signals",
        "the KPA counts by one signal alone: in_flight, rate or a queue with perReplica; give that, or "
        "another "
        "policy");
  }
  for (int i = 0; i < scale.signals_size(); ++i) {
    if (scale.signals(i).queue().has_max_wait() && !policy.empty() && policy != "drover") {
      Add(faults, absl::StrCat(path, ".signals[", i, "].queue.maxWait"),
          "belongs to policy drover; give perReplica, or that policy");
    }
    if (scale.signals(i).has_latency() && !policy.empty() && policy != "drover") {
      Add(faults, absl::StrCat(path, ".signals[", i, "].latency"),
          "belongs to policy drover; give inFlight, or that policy");
    }
    if (scale.signals(i).has_schedule()) {
      const std::string at = absl::StrCat(path, ".signals[", i, "].schedule");
      CheckSchedule(scale.signals(i).schedule(), scale.max(), at, faults);
      if (policy == "hpa") {
        Add(faults, at, "is no signal of the HPA; give policy keda or drover");
      }
    }
  }
  if (scale.has_fallback() && (policy == "hpa" || policy == "kpa")) {
    Add(faults, path + ".fallback", "belongs to policy drover or keda; leave it out");
  }
  if (scale.fallback().replicas() > scale.max()) {
    Add(faults, path + ".fallback.replicas", absl::StrCat("must be at most max (", scale.max(), ")"));
  }
  if (scale.has_idle_replicas() && (policy != "keda" || scale.idle_replicas() >= scale.min())) {
    Add(faults, path + ".idleReplicas", "belongs to policy keda and must be below min");
  }
  CheckTolerance(scale.scale_up(), path + ".scaleUp", faults);
  CheckTolerance(scale.scale_down(), path + ".scaleDown", faults);
}

}  // namespace drover::controller
