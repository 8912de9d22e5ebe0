// x-autoscale: bounds, signals and behaviour, in the HPA's words.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compose/schema.h"

namespace drover::compose {
namespace {

constexpr int64_t kMaxReplicas = 100'000;
constexpr double kLargestTarget = 1e9;

void ReadDurationInto(const Entry& entry, Reading& r,
                      const std::function<google::protobuf::Duration*()>& target) {
  if (auto value = ReadDuration(entry.value, r.faults)) {
    *target() = ToProto(*value);
  }
}

void ReadPolicies(const Entry& entry, v1::ScalingBehavior* behavior, Reading& r) {
  if (!entry.value.is_list()) {
    r.faults.Add(entry.value.mark, "policies is no list; write `policies: [{percent: 100, period: 15s}]`");
    return;
  }
  for (const Node& item : entry.value.items) {
    v1::ScalingPolicy* policy = behavior->add_policies();
    auto amount = [&](const Entry& e) {
      if (policy->amount_case() != v1::ScalingPolicy::AMOUNT_NOT_SET) {
        r.faults.Add(e.mark, "a policy limits replicas or percent, not both; write two policies");
      }
      return static_cast<uint32_t>(ReadInt(e.value, 1, kMaxReplicas, r.faults).value_or(1));
    };
    ReadMap(item, "policy",
            {{"replicas", [&](const Entry& e) { policy->set_replicas(amount(e)); }},
             {"percent", [&](const Entry& e) { policy->set_percent(amount(e)); }},
             {"period",
              [&](const Entry& e) {
                const auto period = ReadDuration(e.value, r.faults);
                if (period && (*period < absl::Seconds(1) || *period > absl::Seconds(1800))) {
                  r.faults.Add(e.value.mark, "the period is out of range; write 1s to 30m");
                } else if (period) {
                  *policy->mutable_period() = ToProto(*period);
                }
              }}},
            r.faults);
    if (policy->amount_case() == v1::ScalingPolicy::AMOUNT_NOT_SET) {
      r.faults.Add(item.mark, "the policy has no amount; write `replicas: 4` or `percent: 100`");
    }
    if (!policy->has_period()) {
      *policy->mutable_period() = ToProto(absl::Seconds(15));
    }
  }
}

// A fraction, or a percentage; `below` is the end that is out of range.
std::optional<double> ReadTolerance(const Entry& entry, double below, Reading& r) {
  const bool percent = entry.value.is_scalar() && absl::StrContains(entry.value.text, '%');
  const auto value = percent ? ReadPercent(entry.value, r.faults) : ReadNumber(entry.value, r.faults);
  if (!value) {
    return std::nullopt;
  }
  const double fraction = percent ? *value / 100 : *value;
  if (fraction < 0 || fraction >= below) {
    r.faults.Add(entry.value.mark, "the tolerance is out of range; write a fraction, for example 0.1 or 10%");
    return std::nullopt;
  }
  return fraction;
}

void ReadBehavior(const Entry& entry, v1::ScalingBehavior* behavior, Reading& r) {
  ReadMap(entry.value, entry.key,
          {{"stabilization",
            [&](const Entry& e) {
              const auto window = ReadDuration(e.value, r.faults);
              if (window && *window > absl::Hours(1)) {
                r.faults.Add(e.value.mark, "the stabilization window is out of range; write 0s to 1h");
              } else if (window) {
                *behavior->mutable_stabilization() = ToProto(*window);
              }
            }},
           {"select",
            [&](const Entry& e) {
              if (auto index = ReadWord(e.value, {"max", "min", "disabled"}, r.faults)) {
                behavior->set_select(static_cast<v1::ScalingBehavior::Select>(*index + 1));
              }
            }},
           {"tolerance",
            [&](const Entry& e) {
              if (const auto value = ReadTolerance(e, 10, r)) {
                behavior->set_tolerance(*value);
              }
            }},
           {"policies", [&](const Entry& e) { ReadPolicies(e, behavior, r); }}},
          r.faults);
}

void ReadUtilization(const Entry& entry, v1::UtilizationSignal* (v1::SignalSpec::*target)(),
                     v1::SignalSpec* signal, Reading& r) {
  const auto percent = ReadPercent(entry.value, r.faults);
  if (percent && (*percent <= 0 || *percent > 1000)) {
    r.faults.Add(entry.value.mark,
                 "the target is out of range; write a percentage of the reservation, for example 60%");
  } else if (percent) {
    (signal->*target)()->set_target_percent(*percent);
  }
}

// `in_flight: 8`: so much for each replica.
Key PerReplicaKey(absl::string_view name, v1::PerReplicaSignal* (v1::SignalSpec::*target)(),
                  v1::SignalSpec* signal, Reading& r) {
  return {name, [=, &r](const Entry& e) {
            const auto value = ReadNumber(e.value, r.faults);
            if (value && (*value <= 0 || *value > kLargestTarget)) {
              r.faults.Add(e.value.mark,
                           absl::StrCat(e.key, " must be more than 0, and at most 1e9; write for example `",
                                        e.key, ": 8`, so much for each replica"));
            } else if (value) {
              (signal->*target)()->set_target(*value);
            }
          }};
}

// The promise: no job waits longer than this.
void ReadMaxWait(const Entry& entry, const Node& item, v1::SignalSpec* signal, Reading& r) {
  if (item.Find("queue") == nullptr) {
    r.faults.Add(entry.mark, "max_wait belongs to a queue; write `queue: NAME` beside it");
    return;
  }
  const auto wait = ReadDuration(entry.value, r.faults);
  if (wait && (*wait < absl::Milliseconds(100) || *wait > absl::Hours(24))) {
    r.faults.Add(entry.value.mark, "max_wait is out of range; write 100ms to 24h");
  } else if (wait) {
    *signal->mutable_queue()->mutable_max_wait() = ToProto(*wait);
  }
}

// `latency: {p95: 200ms}`.
void ReadLatency(const Entry& entry, v1::LatencySignal* latency, Reading& r) {
  static const std::vector<std::pair<absl::string_view, double>> kQuantiles = {
      {"p50", 0.5}, {"p75", 0.75}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p99.9", 0.999}};
  std::vector<Key> keys;
  int written = 0;
  for (const auto& [name, quantile] : kQuantiles) {
    keys.push_back({name, [&, quantile = quantile](const Entry& e) {
                      ++written;
                      latency->set_quantile(quantile);
                      const auto target = ReadDuration(e.value, r.faults);
                      if (target && (*target < absl::Milliseconds(1) || *target > absl::Hours(1))) {
                        r.faults.Add(e.value.mark, "the latency is out of range; write 1ms to 1h");
                      } else if (target) {
                        *latency->mutable_target() = ToProto(*target);
                      }
                    }});
  }
  if (ReadMap(entry.value, "latency", keys, r.faults) && written != 1) {
    r.faults.Add(entry.mark, "latency promises one quantile; write for example `latency: {p95: 200ms}`");
  }
}

// What is declared once for all services, and named here.
Key SourceKey(absl::string_view name, Reading& r) {
  return {name, [&r](const Entry& e) {
            r.faults.Add(e.mark, absl::StrCat(e.key,
                                              " is a source; declare it under the top level `x-queues:` and "
                                              "write `queue: NAME` here"));
          }};
}

// A queue has exactly one rule.
void CheckRules(const Node& item, const Node* queue, Reading& r) {
  std::vector<std::string> rules;
  for (const char* name : {"max_wait", "per_replica", "total"}) {
    if (item.Find(name) != nullptr) {
      rules.push_back(name);
    }
  }
  if (queue != nullptr && rules.empty()) {
    r.faults.Add(item.mark, "the queue has no target; write `max_wait: 30s` or `per_replica: 10` beside it");
  } else if (rules.size() > 1) {
    r.faults.Add(item.Find(rules[0])->mark,
                 absl::StrCat("the queue has ", absl::StrJoin(rules, " and "), "; write one of them"));
  }
}

// A signal is a map with the signal's name as one key; a queue has its rule beside it.
void ReadSignal(const Node& item, v1::AutoscaleSpec* autoscale, Reading& r) {
  v1::SignalSpec* signal = autoscale->add_signals();
  const size_t faults_before = r.faults.errors().size();
  auto refused = [&](absl::string_view name) {
    return Key{name, [&](const Entry& e) {
                 r.faults.Add(e.mark, absl::StrCat("signal ", e.key,
                                                   " is not built yet; use cpu, memory, queue, in_flight, "
                                                   "rate, latency, backlog or schedule"));
               }};
  };
  auto of_queue = [&](absl::string_view name, std::function<void(double)> set) {
    return Key{name, [&, set = std::move(set)](const Entry& e) {
                 if (item.Find("queue") == nullptr) {
                   r.faults.Add(e.mark,
                                absl::StrCat(e.key, " belongs to a queue; write `queue: NAME` beside it"));
                   return;
                 }
                 const auto value = ReadNumber(e.value, r.faults);
                 if (value && (*value <= 0 || *value > kLargestTarget)) {
                   r.faults.Add(e.value.mark, absl::StrCat(e.key, " must be more than 0, and at most 1e9"));
                 } else if (value) {
                   set(*value);
                 }
               }};
  };
  ReadMap(
      item, "signal",
      {{"cpu", [&](const Entry& e) { ReadUtilization(e, &v1::SignalSpec::mutable_cpu, signal, r); }},
       {"memory", [&](const Entry& e) { ReadUtilization(e, &v1::SignalSpec::mutable_memory, signal, r); }},
       {"queue",
        [&](const Entry& e) {
          signal->mutable_queue()->set_queue(ReadText(e.value, r.faults).value_or(""));
        }},
       of_queue("per_replica", [&](double v) { signal->mutable_queue()->set_per_replica(v); }),
       of_queue("activation", [&](double v) { signal->mutable_queue()->set_activation(v); }),
       {"max_wait", [&](const Entry& e) { ReadMaxWait(e, item, signal, r); }},
       of_queue("total", [&](double v) { signal->mutable_queue()->set_total(v); }),
       PerReplicaKey("in_flight", &v1::SignalSpec::mutable_in_flight, signal, r),
       PerReplicaKey("rate", &v1::SignalSpec::mutable_rate, signal, r),
       PerReplicaKey("backlog", &v1::SignalSpec::mutable_backlog, signal, r),
       {"latency", [&](const Entry& e) { ReadLatency(e, signal->mutable_latency(), r); }},
       {"schedule", [&](const Entry& e) { ReadSchedule(e, signal->mutable_schedule(), r); }},
       refused("forecast"),
       SourceKey("prometheus", r),
       SourceKey("http", r),
       SourceKey("external", r),
       SourceKey("pushed", r)},
      r.faults);
  const Node* queue = item.Find("queue");
  int named = 0;
  for (const char* name : {"cpu", "memory", "queue", "in_flight", "rate", "latency", "backlog", "schedule"}) {
    named += item.Find(name) != nullptr ? 1 : 0;
  }
  if (named == 0 && r.faults.errors().size() == faults_before) {
    r.faults.Add(item.mark, "this entry names no signal; write one, such as `cpu: 60%`, or remove it");
  } else if (named > 1) {
    r.faults.Add(item.mark, "one entry names two signals; begin each signal with its own `-`");
  }
  CheckRules(item, queue, r);
  if (queue != nullptr && signal->has_queue() && r.queues.count(signal->queue().queue()) == 0) {
    r.faults.Add(queue->mark, absl::StrCat("queue \"", signal->queue().queue(),
                                           "\" is not declared; write it under the "
                                           "top level `x-queues:`"));
  }
}

void CheckBounds(const Entry& entry, const ServiceRead& s, Reading& r) {
  const v1::AutoscaleSpec& autoscale = s.spec.autoscale();
  const bool max_written = entry.value.Find("max") != nullptr;
  if (!max_written) {
    r.faults.Add(entry.mark, "x-autoscale has no max; write `max: 10`");
  } else if (autoscale.max() < autoscale.min() && autoscale.max() > 0) {
    r.faults.Add(entry.value.Find("max")->mark,
                 absl::StrCat("max is ", autoscale.max(), ", below min; write at least ", autoscale.min()));
  }
  const Node* signals = entry.value.Find("signals");
  if (signals == nullptr || (signals->is_list() && signals->items.empty())) {
    r.faults.Add(entry.mark, "x-autoscale has no signals; write `signals: [{cpu: 60%}]`");
  }
  const bool can_wake =
      std::any_of(autoscale.signals().begin(), autoscale.signals().end(), [](const v1::SignalSpec& signal) {
        return signal.has_queue() || signal.has_schedule() || IsOfBalancer(signal);
      });
  if (autoscale.min() == 0 && entry.value.Find("min") != nullptr && !can_wake) {
    r.faults.Add(
        entry.value.Find("min")->mark,
        "from 0 replicas CPU and memory can never ask for one; write min: 1, or add a signal that sees "
        "work when nothing runs: in_flight for requests, a queue for jobs");
  }
  if (autoscale.min() == 0 && autoscale.has_hold() && FromProto(autoscale.hold()) == absl::ZeroDuration() &&
      std::all_of(autoscale.signals().begin(), autoscale.signals().end(), IsOfBalancer)) {
    r.faults.Add(
        entry.value.Find("hold")->mark,
        "with min: 0 and hold: 0s no request waits that could wake the service; write min: 1, or leave "
        "hold out");
  }
  CheckPolicy(entry, autoscale, r);
}

}  // namespace

// `mode: dry_run` is another way to write `dry_run: true`.
void ReadMode(const Entry& entry, v1::AutoscaleSpec* autoscale, Reading& r) {
  const std::string mode = ReadText(entry.value, r.faults).value_or("auto");
  if (mode == "dry_run") {
    autoscale->set_dry_run(true);
  } else if (mode != "auto") {
    r.faults.Add(entry.value.mark, absl::StrCat("mode is \"", mode, "\"; write auto or dry_run"));
  }
}

void ReadPriority(const Entry& entry, ServiceRead& s, Reading& r) {
  const std::optional<int64_t> priority = ReadInt(entry.value, -1'000'000, 1'000'000, r.faults);
  if (!priority) {
    return;
  }
  if (s.priority_written && s.spec.priority() != *priority) {
    r.faults.Add(entry.mark, "x-priority and x-autoscale.priority say different things; write one of them");
  }
  s.spec.set_priority(static_cast<int32_t>(*priority));
  s.priority_written = true;
}

void ReadAutoscale(const Entry& entry, ServiceRead& s, Reading& r) {
  v1::AutoscaleSpec* autoscale = s.spec.mutable_autoscale();
  autoscale->set_min(1);
  auto count = [&](const Entry& e, int64_t least) {
    return static_cast<uint32_t>(ReadInt(e.value, least, kMaxReplicas, r.faults).value_or(0));
  };
  auto signals = [&](const Entry& e) {
    if (!e.value.is_list()) {
      r.faults.Add(e.value.mark, "signals is no list; write `signals: [{cpu: 60%}]`");
      return;
    }
    for (const Node& item : e.value.items) {
      ReadSignal(item, autoscale, r);
    }
  };
  auto duration = [&](const Entry& e, absl::Duration least, absl::Duration most,
                      const std::function<google::protobuf::Duration*()>& target) {
    const auto value = ReadDuration(e.value, r.faults);
    if (value && (*value < least || *value > most)) {
      r.faults.Add(e.value.mark, absl::StrCat(e.key, " is out of range; write ", absl::FormatDuration(least),
                                              " to ", absl::FormatDuration(most)));
    } else if (value) {
      *target() = ToProto(*value);
    }
  };
  std::vector<Key> keys = {
      {"min", [&](const Entry& e) { autoscale->set_min(count(e, 0)); }},
      {"max", [&](const Entry& e) { autoscale->set_max(count(e, 1)); }},
      {"signals", signals},
      {"scale_up", [&](const Entry& e) { ReadBehavior(e, autoscale->mutable_scale_up(), r); }},
      {"scale_down", [&](const Entry& e) { ReadBehavior(e, autoscale->mutable_scale_down(), r); }},
      {"tolerance",
       [&](const Entry& e) {
         if (const auto value = ReadTolerance(e, 1, r)) {
           autoscale->set_tolerance(*value);
         }
       }},
      {"idle", [&](const Entry& e) { ReadDurationInto(e, r, [&] { return autoscale->mutable_idle(); }); }},
      {"interval",
       [&](const Entry& e) {
         duration(e, absl::Milliseconds(100), absl::Minutes(10),
                  [&] { return autoscale->mutable_interval(); });
       }},
      {"hold",
       [&](const Entry& e) {
         duration(e, absl::ZeroDuration(), absl::Minutes(10), [&] { return autoscale->mutable_hold(); });
       }},
      {"max_held", [&](const Entry& e) { autoscale->set_max_held(count(e, 1)); }},
      {"dry_run",
       [&](const Entry& e) { autoscale->set_dry_run(ReadBool(e.value, r.faults).value_or(false)); }},
      {"priority", [&](const Entry& e) { ReadPriority(e, s, r); }},
      {"warm", [&](const Entry& e) {
         if (ReadInt(e.value, 0, kMaxReplicas, r.faults).value_or(0) > 0) {
           r.faults.Add(e.mark, "warm replicas are not built yet; remove warm, or raise min");
         }
       }}};
  AddPolicyKeys(autoscale, r, keys);
  ReadMap(entry.value, "x-autoscale", keys, r.faults);
  if (entry.value.is_map() || entry.value.is_null()) {
    CheckBounds(entry, s, r);
  }
}

}  // namespace drover::compose
