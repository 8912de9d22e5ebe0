// The families of rules of x-autoscale (`policy`), and the keys that only some of them know.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/cron.h"
#include "compose/schema.h"

namespace drover::compose {
namespace {

constexpr int64_t kMaxReplicas = 100'000;

using Count = std::function<void(uint32_t)>;

Key CountKey(absl::string_view name, int64_t least, Reading& r, Count set) {
  return {name, [least, &r, set = std::move(set)](const Entry& e) {
            if (const auto value = ReadInt(e.value, least, kMaxReplicas, r.faults)) {
              set(static_cast<uint32_t>(*value));
            }
          }};
}

void ReadFallback(const Entry& entry, v1::FallbackSpec* fallback, Reading& r) {
  static const std::vector<absl::string_view> kBehaviors = {
      "static", "current_replicas", "current_replicas_if_higher", "current_replicas_if_lower"};
  fallback->set_failure_threshold(3);
  ReadMap(entry.value, "fallback",
          {CountKey("replicas", 0, r, [&](uint32_t v) { fallback->set_replicas(v); }),
           CountKey("failure_threshold", 0, r, [&](uint32_t v) { fallback->set_failure_threshold(v); }),
           {"behavior",
            [&](const Entry& e) {
              if (const auto index = ReadWord(e.value, kBehaviors, r.faults)) {
                fallback->set_behavior(static_cast<v1::FallbackSpec::Behavior>(*index + 1));
              }
            }}},
          r.faults);
  if (entry.value.Find("replicas") == nullptr) {
    r.faults.Add(entry.mark, "fallback has no replicas; write `fallback: {replicas: 5}`");
  }
}

// The first signal with `key`, for its place.
const Node* FindSignal(const Entry& autoscale, absl::string_view key) {
  const Node* signals = autoscale.value.Find("signals");
  for (size_t i = 0; signals != nullptr && i < signals->items.size(); ++i) {
    if (const Node* found = signals->items[i].Find(key)) {
      return found;
    }
  }
  return nullptr;
}

void CheckReplicas(const Node* map, uint32_t replicas, uint32_t max, Reading& r) {
  const Node* written = map == nullptr ? nullptr : map->Find("replicas");
  if (written != nullptr && max > 0 && replicas > max) {
    r.faults.Add(written->mark, absl::StrCat("replicas is ", replicas, ", above max; write at most ", max));
  }
}

void CheckSchedules(const Entry& entry, const v1::AutoscaleSpec& autoscale, Reading& r) {
  const Node* signals = entry.value.Find("signals");
  for (int i = 0; signals != nullptr && i < autoscale.signals_size(); ++i) {
    if (autoscale.signals(i).has_schedule() && static_cast<size_t>(i) < signals->items.size()) {
      CheckReplicas(signals->items[static_cast<size_t>(i)].Find("schedule"),
                    autoscale.signals(i).schedule().replicas(), autoscale.max(), r);
    }
  }
}

void CheckIdleReplicas(const Entry& entry, const v1::AutoscaleSpec& autoscale, Reading& r) {
  const Node* idle = entry.value.Find("idle_replicas");
  if (idle == nullptr) {
    return;
  }
  if (autoscale.policy() != "keda") {
    r.faults.Add(idle->mark, "idle_replicas belongs to policy: keda; write that, or `min: 0` and `idle`");
  } else if (autoscale.idle_replicas() >= autoscale.min()) {
    r.faults.Add(idle->mark, absl::StrCat("idle_replicas is ", autoscale.idle_replicas(), ", not below min (",
                                          autoscale.min(), "); write less, or leave it out"));
  }
}

// What Knative's KPA counts by: concurrency, requests/s, or here a queue in their place.
bool IsOfKpa(const v1::SignalSpec& signal) {
  return signal.has_in_flight() || signal.has_rate() || signal.queue().per_replica() > 0;
}

}  // namespace

bool IsOfBalancer(const v1::SignalSpec& signal) {
  return signal.has_in_flight() || signal.has_rate() || signal.has_latency();
}

void AddPolicyKeys(v1::AutoscaleSpec* autoscale, Reading& r, std::vector<Key>& keys) {
  static const std::vector<absl::string_view> kPolicies = {"drover", "hpa", "kpa", "keda"};
  keys.push_back({"policy", [autoscale, &r](const Entry& e) {
                    const auto index = ReadWord(e.value, kPolicies, r.faults);
                    if (index && *index > 0) {
                      autoscale->set_policy(std::string(kPolicies[*index]));
                    }
                  }});
  keys.push_back(
      {"fallback", [autoscale, &r](const Entry& e) { ReadFallback(e, autoscale->mutable_fallback(), r); }});
  keys.push_back(
      CountKey("idle_replicas", 0, r, [autoscale](uint32_t v) { autoscale->set_idle_replicas(v); }));
}

void CheckPolicy(const Entry& entry, const v1::AutoscaleSpec& autoscale, Reading& r) {
  const std::string& policy = autoscale.policy();
  if (policy == "kpa" && (autoscale.signals_size() != 1 || !IsOfKpa(autoscale.signals(0)))) {
    r.faults.Add(entry.value.Find("policy")->mark,
                 "policy kpa counts by one signal alone, in_flight, rate or a queue with per_replica; write "
                 "`signals: [{in_flight: 7}]`, or another policy");
  }
  if (const Node* schedule = FindSignal(entry, "schedule"); schedule != nullptr && policy == "hpa") {
    r.faults.Add(schedule->mark, "the HPA has no schedule; write policy: keda or drover");
  }
  if (const Node* wait = FindSignal(entry, "max_wait"); wait != nullptr && !policy.empty()) {
    r.faults.Add(wait->mark, "max_wait belongs to policy: drover; write that, or per_replica");
  }
  if (const Node* latency = FindSignal(entry, "latency"); latency != nullptr && !policy.empty()) {
    r.faults.Add(latency->mark, "latency belongs to policy: drover; write that, or in_flight");
  }
  const Node* fallback = entry.value.Find("fallback");
  if (fallback != nullptr && (policy == "hpa" || policy == "kpa")) {
    r.faults.Add(fallback->mark,
                 absl::StrCat("policy ", policy, " has no fallback; write policy: keda or drover"));
  }
  CheckReplicas(fallback, autoscale.fallback().replicas(), autoscale.max(), r);
  CheckSchedules(entry, autoscale, r);
  CheckIdleReplicas(entry, autoscale, r);
}

void ReadSchedule(const Entry& entry, v1::ScheduleSignal* schedule, Reading& r) {
  const auto cron = [&](absl::string_view name, std::function<void(const std::string&)> set) {
    return Key{name, [&r, set = std::move(set)](const Entry& e) {
                 const auto text = ReadText(e.value, r.faults);
                 if (!text) {
                   return;
                 }
                 set(*text);
                 if (const auto parsed = Cron::Parse(*text); !parsed.ok()) {
                   r.faults.Add(e.value.mark, parsed.status().message());
                 }
               }};
  };
  const bool is_map = ReadMap(entry.value, "schedule",
                              {cron("start", [&](const std::string& v) { schedule->set_start(v); }),
                               cron("end", [&](const std::string& v) { schedule->set_end(v); }),
                               {"time_zone",
                                [&](const Entry& e) {
                                  schedule->set_time_zone(ReadText(e.value, r.faults).value_or(""));
                                  if (const auto zone = FindTimeZone(schedule->time_zone()); !zone.ok()) {
                                    r.faults.Add(e.value.mark, zone.status().message());
                                  }
                                }},
                               CountKey("replicas", 1, r, [&](uint32_t v) { schedule->set_replicas(v); })},
                              r.faults);
  for (const char* key : {"start", "end", "replicas"}) {
    if (is_map && entry.value.Find(key) == nullptr) {
      r.faults.Add(entry.mark,
                   absl::StrCat("the schedule has no ", key,
                                "; write `{start: \"0 8 * * MON-FRI\", end: \"0 18 * * MON-FRI\", "
                                "time_zone: Europe/Berlin, replicas: 10}`"));
    }
  }
}

}  // namespace drover::compose
