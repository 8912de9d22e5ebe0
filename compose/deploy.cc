// deploy and the older keys that say the same: counts, resources, updates, restarts.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compose/schema.h"

namespace drover::compose {
namespace {

using Container = v1::ContainerSpec;

void ReadLimits(const Entry& entry, ServiceRead& s, Reading& r) {
  Container* c = s.spec.mutable_container();
  ReadMap(entry.value, "limits",
          {{"cpus",
            [&](const Entry& e) {
              SetOnce(ReadMilliCpu(e.value, r.faults), c->limit_cpu_milli(), e, "the service's cpus",
                      r.faults, [&](int64_t v) { c->set_limit_cpu_milli(v); });
            }},
           {"memory",
            [&](const Entry& e) {
              SetOnce(ReadBytes(e.value, r.faults), c->limit_memory_bytes(), e, "the service's mem_limit",
                      r.faults, [&](int64_t v) { c->set_limit_memory_bytes(v); });
            }},
           {"pids",
            [&](const Entry& e) {
              SetOnce(ReadInt(e.value, -1, INT64_MAX, r.faults), c->limit_pids(), e,
                      "the service's pids_limit", r.faults, [&](int64_t v) { c->set_limit_pids(v); });
            }}},
          r.faults);
}

void ReadReservedDevices(const Entry& entry, Container* c, Reading& r) {
  for (const Node& item : entry.value.items) {
    ReadDeviceRequest(item, "devices", c->add_device_requests(), r);
  }
}

void ReadReservations(const Entry& entry, ServiceRead& s, Reading& r) {
  Container* c = s.spec.mutable_container();
  ReadMap(entry.value, "reservations",
          {{"cpus",
            [&](const Entry& e) {
              if (auto value = ReadMilliCpu(e.value, r.faults)) {
                s.spec.set_reserved_cpu_milli(*value);
              }
            }},
           {"memory",
            [&](const Entry& e) {
              SetOnce(ReadBytes(e.value, r.faults), c->memory_reservation_bytes(), e,
                      "the service's mem_reservation", r.faults, [&](int64_t v) {
                        c->set_memory_reservation_bytes(v);
                        s.spec.set_reserved_memory_bytes(v);
                      });
            }},
           {"devices", [&](const Entry& e) { ReadReservedDevices(e, c, r); }},
           RefusedKey("generic_resources", r, "only CPU and memory are reserved; remove it")},
          r.faults);
}

void ReadUpdateConfig(const Entry& entry, ServiceRead& s, Reading& r) {
  v1::UpdateSpec* update = s.spec.mutable_update();
  auto later = [&](absl::string_view name) {
    return WarnedKey(name, r, "until rollouts are built, replicas are replaced one at a time");
  };
  ReadMap(entry.value, "update_config",
          {{"order",
            [&](const Entry& e) {
              s.marks["order"] = e.mark;
              if (auto index = ReadWord(e.value, {"start-first", "stop-first"}, r.faults)) {
                update->set_order(*index == 0 ? v1::UpdateSpec::START_FIRST : v1::UpdateSpec::STOP_FIRST);
              }
            }},
           {"parallelism",
            [&](const Entry& e) {
              if (auto count = ReadInt(e.value, 0, 100'000, r.faults)) {
                update->set_parallelism(static_cast<uint32_t>(*count));
                if (*count != 1) {
                  r.faults.Warn(
                      e.mark,
                      "parallelism is not honoured: until rollouts are built, replicas are replaced "
                      "one at a time");
                }
              }
            }},
           later("delay"),
           later("failure_action"),
           later("monitor"),
           later("max_failure_ratio")},
          r.faults);
}

void ReadRestartPolicy(const Entry& entry, ServiceRead& s, Reading& r) {
  v1::RestartSpec* restart = s.spec.mutable_restart();
  ReadMap(entry.value, "restart_policy",
          {{"condition",
            [&](const Entry& e) {
              if (auto index = ReadWord(e.value, {"any", "on-failure", "none"}, r.faults)) {
                restart->set_condition(static_cast<v1::RestartSpec::Condition>(*index + 1));
              }
            }},
           {"delay",
            [&](const Entry& e) {
              if (auto delay = ReadDuration(e.value, r.faults)) {
                *restart->mutable_delay() = ToProto(*delay);
              }
            }},
           {"max_attempts",
            [&](const Entry& e) {
              restart->set_max_attempts(
                  static_cast<uint32_t>(ReadInt(e.value, 0, 1'000'000, r.faults).value_or(0)));
            }},
           WarnedKey("window", r, "an attempt counts as good after 10 minutes of health; remove it")},
          r.faults);
}

void ReadMode(const Entry& entry, ServiceRead& s, Reading& r) {
  const std::string mode = ReadText(entry.value, r.faults).value_or("replicated");
  if (mode == "replicated-job") {
    s.spec.mutable_task();
  } else if (mode == "global") {
    s.spec.set_global(true);
  } else if (mode == "global-job") {
    r.faults.Add(entry.value.mark, "mode: global-job is not built yet; write mode: replicated-job");
  } else if (mode != "replicated") {
    r.faults.Add(entry.value.mark,
                 absl::StrCat("\"", mode, "\" is no mode; write replicated, global or replicated-job"));
  }
}

void ReadReplicas(const Entry& entry, ServiceRead& s, Reading& r) {
  const auto count = ReadInt(entry.value, 0, 100'000, r.faults);
  if (!count) {
    return;
  }
  if (s.replicas_written && s.spec.replicas() != *count) {
    r.faults.Add(entry.mark, "replicas and the service's scale say different things; write one of them");
  }
  s.spec.set_replicas(static_cast<uint32_t>(*count));
  s.replicas_written = true;
}

void AddOwnKeys(ServiceRead& s, Reading& r, std::vector<Key>& keys) {
  keys.push_back({"x-autoscale", [&](const Entry& e) { ReadAutoscale(e, s, r); }});
  keys.push_back({"x-edge", [&](const Entry& e) { ReadEdges(e, s, r); }});
  keys.push_back({"x-priority", [&](const Entry& e) { ReadPriority(e, s, r); }});
  keys.push_back({"x-ready", [&](const Entry& e) { ReadReady(e, s, r); }});
  keys.push_back({"x-run", [&](const Entry& e) { ReadRun(e, s, r); }});
  keys.push_back({"x-singleton", [&](const Entry& e) {
                    s.spec.set_singleton(ReadBool(e.value, r.faults).value_or(false));
                  }});
  keys.push_back({"x-placement", [&](const Entry& e) {
                    s.spec.set_bin_pack(ReadWord(e.value, {"spread", "binpack"}, r.faults) == size_t{1});
                  }});
  keys.push_back(RefusedKey("x-worker", r,
                            "stop recipes are not built yet; the stop signal and stop_grace_period are "
                            "used"));
  for (absl::string_view name : {"x-queues", "x-volumes", "x-budgets"}) {
    keys.push_back({name, [&r](const Entry& e) {
                      r.faults.Add(e.mark,
                                   absl::StrCat(e.key, " stands under deploy; put it at the top level"));
                    }});
  }
}

}  // namespace

void ReadDeviceRequest(const Node& item, absl::string_view where, v1::DeviceRequest* request, Reading& r) {
  ReadMap(item, where,
          {TextKey("driver", r, request->mutable_driver()),
           {"count",
            [&](const Entry& e) {
              const bool all = e.value.is_scalar() && e.value.text == "all";
              request->set_count(all ? -1
                                     : static_cast<int32_t>(ReadInt(e.value, 1, 1024, r.faults).value_or(1)));
            }},
           TextsKey("device_ids", r, request->mutable_device_ids()),
           TextsKey("capabilities", r, request->mutable_capabilities()),
           MapKey("options", r, request->mutable_options())},
          r.faults);
}

void ReadDeploy(const Entry& entry, ServiceRead& s, Reading& r) {
  if (entry.value.is_map()) {
    for (const Entry& key : entry.value.entries) {
      s.marks[key.key] = key.mark;
    }
  }
  std::vector<Key> keys = {
      {"mode", [&](const Entry& e) { ReadMode(e, s, r); }},
      {"replicas", [&](const Entry& e) { ReadReplicas(e, s, r); }},
      {"resources",
       [&](const Entry& e) {
         ReadMap(e.value, "resources",
                 {{"limits", [&](const Entry& l) { ReadLimits(l, s, r); }},
                  {"reservations", [&](const Entry& l) { ReadReservations(l, s, r); }}},
                 r.faults);
       }},
      {"update_config", [&](const Entry& e) { ReadUpdateConfig(e, s, r); }},
      {"restart_policy", [&](const Entry& e) { ReadRestartPolicy(e, s, r); }},
      {"placement", [&](const Entry& e) { ReadPlacement(e, s, r); }},
      WarnedKey("rollback_config", r,
                "until rollouts are built, a change is undone by `drover up` of the old file"),
      WarnedKey("labels", r, "there is no service object to carry them; write labels beside deploy"),
      {"endpoint_mode", [&](const Entry& e) {
         if (ReadWord(e.value, {"vip", "dnsrr"}, r.faults) == size_t{1}) {
           r.faults.Warn(
               e.mark,
               "endpoint_mode is not honoured: a service name leads to its ready replicas; remove it");
         }
       }}};
  AddOwnKeys(s, r, keys);
  ReadMap(entry.value, "deploy", keys, r.faults);
}

void ReadRun(const Entry& entry, ServiceRead& s, Reading& r) {
  s.run_written = true;
  v1::TaskSpec* task = s.spec.mutable_task();
  ReadMap(entry.value, "x-run",
          {{"when",
            [&](const Entry& e) {
              if (ReadWord(e.value, {"before_rollout"}, r.faults)) {
                task->set_when(v1::TaskSpec::BEFORE_ROLLOUT);
              }
            }},
           {"timeout",
            [&](const Entry& e) {
              if (auto timeout = ReadDuration(e.value, r.faults)) {
                *task->mutable_timeout() = ToProto(*timeout);
                r.faults.Warn(e.mark,
                              "timeout is not honoured yet: a task runs until it ends; give the command a "
                              "limit of its own, such as `timeout 10m`");
              }
            }},
           RefusedKey("schedule", r,
                      "scheduled tasks are not built yet; start the task from cron with `drover up`")},
          r.faults);
}

void AddResourceKeys(ServiceRead& s, Reading& r, std::vector<Key>& keys) {
  Container* c = s.spec.mutable_container();
  auto number = [&r](absl::string_view name, int64_t min, int64_t max, std::function<void(int64_t)> set) {
    return Key{name, [&r, min, max, set = std::move(set)](const Entry& e) {
                 if (auto value = ReadInt(e.value, min, max, r.faults)) {
                   set(*value);
                 }
               }};
  };
  auto bytes = [&r](absl::string_view name, std::function<void(int64_t, const Entry&)> set) {
    return Key{name, [&r, set = std::move(set)](const Entry& e) {
                 if (auto value = ReadBytes(e.value, r.faults)) {
                   set(*value, e);
                 }
               }};
  };
  keys.push_back({"cpus", [&r, c](const Entry& e) {
                    SetOnce(ReadMilliCpu(e.value, r.faults), c->limit_cpu_milli(), e,
                            "deploy.resources.limits.cpus", r.faults,
                            [&](int64_t v) { c->set_limit_cpu_milli(v); });
                  }});
  keys.push_back(bytes("mem_limit", [&r, c](int64_t v, const Entry& e) {
    SetOnce(v, c->limit_memory_bytes(), e, "deploy.resources.limits.memory", r.faults,
            [&](int64_t b) { c->set_limit_memory_bytes(b); });
  }));
  keys.push_back(bytes("mem_reservation", [&s, &r, c](int64_t v, const Entry& e) {
    SetOnce(v, c->memory_reservation_bytes(), e, "deploy.resources.reservations.memory", r.faults,
            [&](int64_t b) {
              c->set_memory_reservation_bytes(b);
              s.spec.set_reserved_memory_bytes(b);
            });
  }));
  keys.push_back({"memswap_limit", [&r, c](const Entry& e) {
                    const bool unlimited = e.value.is_scalar() && e.value.text == "-1";
                    c->set_memory_swap_bytes(unlimited ? -1 : ReadBytes(e.value, r.faults).value_or(0));
                  }});
  keys.push_back(bytes("shm_size", [c](int64_t v, const Entry&) { c->set_shm_size_bytes(v); }));
  keys.push_back({"pids_limit", [&r, c](const Entry& e) {
                    SetOnce(ReadInt(e.value, -1, INT64_MAX, r.faults), c->limit_pids(), e,
                            "deploy.resources.limits.pids", r.faults,
                            [&](int64_t v) { c->set_limit_pids(v); });
                  }});
  keys.push_back(number("cpu_shares", 0, 262'144, [c](int64_t v) { c->set_cpu_shares(v); }));
  keys.push_back(
      {"cpuset", [&r, c](const Entry& e) { c->set_cpuset(ReadText(e.value, r.faults).value_or("")); }});
  keys.push_back(number("oom_score_adj", -1000, 1000,
                        [c](int64_t v) { c->set_oom_score_adj(static_cast<int32_t>(v)); }));
  keys.push_back({"oom_kill_disable", [&r, c](const Entry& e) {
                    c->set_oom_kill_disable(ReadBool(e.value, r.faults).value_or(false));
                  }});
  // Microseconds, as a number or a duration.
  auto micros = [&r](const Entry& e) -> int64_t {
    const bool plain =
        e.value.is_scalar() && e.value.text.find_first_not_of("0123456789") == std::string::npos;
    if (plain) {
      return ReadInt(e.value, 0, INT64_MAX, r.faults).value_or(0);
    }
    return absl::ToInt64Microseconds(ReadDuration(e.value, r.faults).value_or(absl::ZeroDuration()));
  };
  keys.push_back({"cpu_quota", [c, micros](const Entry& e) { c->set_cpu_quota_us(micros(e)); }});
  keys.push_back({"cpu_period", [c, micros](const Entry& e) { c->set_cpu_period_us(micros(e)); }});
}

}  // namespace drover::compose
