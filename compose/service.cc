// One service: the table of all its keys.
#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "compose/dotenv.h"
#include "compose/files.h"
#include "compose/schema.h"

namespace drover::compose {

Key TextKey(absl::string_view name, Reading& r, std::string* target) {
  return {name, [&r, target](const Entry& e) {
            if (auto text = ReadText(e.value, r.faults)) {
              *target = *text;
            }
          }};
}

Key TextsKey(absl::string_view name, Reading& r, google::protobuf::RepeatedPtrField<std::string>* target) {
  return {name, [&r, target](const Entry& e) {
            for (std::string& text : ReadTexts(e.value, r.faults)) {
              target->Add(std::move(text));
            }
          }};
}

Key MapKey(absl::string_view name, Reading& r, google::protobuf::Map<std::string, std::string>* target) {
  return {name, [&r, target](const Entry& e) {
            for (KeyValue& item : ReadKeyValues(e.value, r.faults)) {
              (*target)[item.key] = item.value.value_or("");
            }
          }};
}

Key WarnedKey(absl::string_view name, Reading& r, absl::string_view reason) {
  return {name, [&r, reason = std::string(reason)](const Entry& e) {
            r.faults.Warn(e.mark, absl::StrCat(e.key, " is not honoured: ", reason));
          }};
}

Key RefusedKey(absl::string_view name, Reading& r, absl::string_view reason) {
  return {name, [&r, reason = std::string(reason)](const Entry& e) {
            r.faults.Add(e.mark, absl::StrCat(e.key, " is not supported: ", reason));
          }};
}

void SetOnce(std::optional<int64_t> value, int64_t current, const Entry& entry, absl::string_view other,
             FaultList& faults, const std::function<void(int64_t)>& set) {
  if (!value) {
    return;
  }
  if (current != 0 && current != *value) {
    faults.Add(entry.mark,
               absl::StrCat(entry.key, " and ", other, " say different things; write one of them"));
    return;
  }
  set(*value);
}

void AddUnsupportedKeys(Reading& r, std::vector<Key>& keys) {
  auto warn = [&](absl::string_view name, absl::string_view reason) {
    keys.push_back(WarnedKey(name, r, reason));
  };
  auto refuse = [&](absl::string_view name, absl::string_view reason) {
    keys.push_back(RefusedKey(name, r, reason));
  };
  warn("attach", "it belongs to the output of `docker compose up`; use `drover logs`");
  warn("develop", "it belongs to work on one machine; remove it for a cluster");
  warn("links", "every service of a stack can be reached by its name; remove it");
  warn("mac_address", "replicas get addresses of their own; remove it");
  warn("blkio_config", "limits of block devices are not set; remove it");
  warn("cgroup", "the engine's own setting is used; remove it");
  warn("cpu_count", "it exists only on Windows; write cpus");
  warn("cpu_percent", "it exists only on Windows; write cpus");
  warn("cpu_rt_period", "real-time scheduling is not set; remove it");
  warn("cpu_rt_runtime", "real-time scheduling is not set; remove it");
  warn("mem_swappiness", "it is not set; write memswap_limit");
  warn("pull_refresh_after", "`drover up` resolves the image once for each revision; remove it");
  refuse("external_links", "the other container may be on another host; use an external network");
  refuse("volumes_from", "the other service may be on another host; name the volumes");
  refuse("credential_spec", "it exists only on Windows; remove it");
  refuse("provider", "a provider runs where `docker compose` runs; use an image");
  refuse("models", "models need Docker's model runner; use an image that serves the model");
  refuse("pre_start",
         "containers that run before a start are not built; use a task with restart: \"no\" and "
         "depends_on");
  refuse("use_api_socket", "it hands out the engine; bind /var/run/docker.sock instead if that is meant");
}

namespace {

void ReadRestart(const Entry& entry, ServiceRead& s, Reading& r) {
  const auto text = ReadText(entry.value, r.faults);
  if (!text) {
    return;
  }
  const std::vector<std::string> parts = absl::StrSplit(*text, absl::MaxSplits(':', 1));
  uint32_t attempts = 0;
  const bool counted = parts.size() == 2;
  if (parts[0] == "no" || parts[0] == "false") {
    s.restart_no = true;
  } else if (parts[0] == "always" || parts[0] == "unless-stopped") {
    s.spec.mutable_restart()->set_condition(v1::RestartSpec::ANY);
  } else if (parts[0] == "on-failure" && (!counted || absl::SimpleAtoi(parts[1], &attempts))) {
    s.spec.mutable_restart()->set_condition(v1::RestartSpec::ON_FAILURE);
    s.spec.mutable_restart()->set_max_attempts(attempts);
  } else {
    r.faults.Add(entry.value.mark, absl::StrCat("\"", *text,
                                                "\" is no restart rule; write \"no\", always, "
                                                "on-failure, on-failure:5 or unless-stopped"));
  }
}

void ReadDependsOn(const Entry& entry, ServiceRead& s, Reading& r) {
  auto add = [&](const std::string& name, const Mark& mark) {
    s.depends_marks[name] = mark;
    v1::Dependency* dependency = s.spec.add_depends_on();
    dependency->set_service(name);
    dependency->set_condition(v1::Dependency::STARTED);
    return dependency;
  };
  if (entry.value.is_list()) {
    for (const Node& item : entry.value.items) {
      if (auto name = ReadText(item, r.faults)) {
        add(*name, item.mark);
      }
    }
    return;
  }
  if (!entry.value.is_map()) {
    r.faults.Add(entry.value.mark, "depends_on is neither a list nor a map; write `depends_on: [other]`");
    return;
  }
  for (const Entry& item : entry.value.entries) {
    v1::Dependency* dependency = add(item.key, item.mark);
    ReadMap(item.value, absl::StrCat("depends_on ", item.key),
            {{"condition",
              [&](const Entry& e) {
                if (auto index = ReadWord(
                        e.value, {"service_started", "service_healthy", "service_completed_successfully"},
                        r.faults)) {
                  dependency->set_condition(static_cast<v1::Dependency::Condition>(*index + 1));
                }
              }},
             {"required",
              [&](const Entry& e) { dependency->set_optional(!ReadBool(e.value, r.faults).value_or(true)); }},
             {"restart",
              [&](const Entry& e) {
                if (ReadBool(e.value, r.faults).value_or(false)) {
                  r.faults.Warn(e.mark,
                                "restart is not honoured: a dependency gates the first start, never a "
                                "restart; remove it");
                }
              }}},
            r.faults);
  }
}

void ReadExpose(const Entry& entry, ServiceRead& s, Reading& r) {
  for (const std::string& text : ReadTexts(entry.value, r.faults)) {
    const std::vector<std::string> parts = absl::StrSplit(text, '/');
    const std::vector<std::string> range = absl::StrSplit(parts[0], '-');
    uint32_t first = 0;
    uint32_t last = 0;
    if (!absl::SimpleAtoi(range.front(), &first) || !absl::SimpleAtoi(range.back(), &last) || first == 0 ||
        last > 65535 || first > last || range.size() > 2) {
      r.faults.Add(entry.value.mark,
                   absl::StrCat("\"", text, "\" is no port; write a number from 1 to 65535"));
      continue;
    }
    for (uint32_t port = first; port <= last; ++port) {
      s.spec.mutable_container()->add_expose(port);
    }
  }
}

void AddServiceKeys(ServiceRead& s, Reading& r, std::vector<Key>& keys) {
  keys.push_back({"build", [&s](const Entry&) { s.build = true; }});
  keys.push_back({"restart", [&](const Entry& e) { ReadRestart(e, s, r); }});
  keys.push_back({"depends_on", [&](const Entry& e) { ReadDependsOn(e, s, r); }});
  keys.push_back({"expose", [&](const Entry& e) { ReadExpose(e, s, r); }});
  keys.push_back({"ports", [&](const Entry& e) { ReadPorts(e, s, r); }});
  keys.push_back({"volumes", [&](const Entry& e) { ReadMounts(e, s, r); }});
  keys.push_back({"networks", [&](const Entry& e) { ReadNetworksOf(e, s, r); }});
  keys.push_back({"configs", [&](const Entry& e) { ReadFileMounts(e, false, s, r); }});
  keys.push_back({"secrets", [&](const Entry& e) { ReadFileMounts(e, true, s, r); }});
  keys.push_back({"healthcheck", [&](const Entry& e) { ReadHealthcheck(e, s, r); }});
  keys.push_back({"deploy", [&](const Entry& e) { ReadDeploy(e, s, r); }});
  keys.push_back({"scale", [&](const Entry& e) {
                    if (auto count = ReadInt(e.value, 0, 100'000, r.faults)) {
                      s.spec.set_replicas(static_cast<uint32_t>(*count));
                      s.replicas_written = true;
                    }
                  }});
  // Read before or elsewhere: profiles decide whether the service is read at all.
  for (absl::string_view name : {"profiles", "environment", "env_file", "extends"}) {
    keys.push_back({name, [](const Entry&) {}});
  }
  for (absl::string_view name : {"x-autoscale", "x-edge", "x-ready", "x-singleton", "x-run", "x-worker",
                                 "x-placement", "x-priority"}) {
    keys.push_back({name, [&r](const Entry& e) {
                      r.faults.Add(e.mark,
                                   absl::StrCat(e.key, " stands beside deploy; put it under `deploy:`"));
                    }});
  }
}

}  // namespace

ServiceRead ReadService(const Entry& entry, Reading& r) {
  ServiceRead s;
  s.mark = entry.mark;
  s.spec.set_name(entry.key);
  s.spec.set_replicas(1);
  std::vector<Key> keys;
  AddServiceKeys(s, r, keys);
  AddContainerKeys(s, r, keys);
  AddResourceKeys(s, r, keys);
  AddUnsupportedKeys(r, keys);
  for (const Entry& key : entry.value.entries) {
    s.marks[key.key] = key.mark;
  }
  ReadMap(entry.value, absl::StrCat("service \"", entry.key, "\""), keys, r.faults);
  ReadEnvironmentOf(entry.value, s, r);
  return s;
}

}  // namespace drover::compose
