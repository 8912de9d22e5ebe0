// The keys of a service that describe its container: process, environment, health, isolation.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "compose/dotenv.h"
#include "compose/files.h"
#include "compose/schema.h"

namespace drover::compose {
namespace {

using Container = v1::ContainerSpec;

Key BoolKey(absl::string_view name, Reading& r, std::function<void(bool)> set) {
  return {name, [&r, set = std::move(set)](const Entry& e) {
            if (auto value = ReadBool(e.value, r.faults)) {
              set(*value);
            }
          }};
}

void ReadProcessList(const Entry& entry, bool* written,
                     google::protobuf::RepeatedPtrField<std::string>* target, Reading& r) {
  if (entry.value.is_null()) {
    return;
  }
  *written = true;
  for (std::string& word : ReadCommand(entry.value, r.faults)) {
    target->Add(std::move(word));
  }
}

void ReadTmpfs(const Entry& entry, Container* c, Reading& r) {
  for (const std::string& text : ReadTexts(entry.value, r.faults)) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits(':', 1));
    (*c->mutable_tmpfs())[parts.first] = parts.second;
  }
}

void ReadUlimits(const Entry& entry, Container* c, Reading& r) {
  if (!entry.value.is_map()) {
    r.faults.Add(entry.value.mark, "ulimits is no map; write `ulimits: {nofile: 65536}`");
    return;
  }
  constexpr int64_t kMax = INT64_MAX;
  for (const Entry& limit : entry.value.entries) {
    v1::Ulimit* ulimit = c->add_ulimits();
    ulimit->set_name(limit.key);
    if (limit.value.is_map()) {
      ReadMap(limit.value, absl::StrCat("ulimit ", limit.key),
              {{"soft",
                [&](const Entry& e) { ulimit->set_soft(ReadInt(e.value, -1, kMax, r.faults).value_or(0)); }},
               {"hard",
                [&](const Entry& e) { ulimit->set_hard(ReadInt(e.value, -1, kMax, r.faults).value_or(0)); }}},
              r.faults);
    } else if (auto both = ReadInt(limit.value, -1, kMax, r.faults)) {
      ulimit->set_soft(*both);
      ulimit->set_hard(*both);
    }
  }
}

void ReadDevices(const Entry& entry, Container* c, Reading& r) {
  for (const Node& item : entry.value.items) {
    v1::Device* device = c->add_devices();
    if (item.is_map()) {
      ReadMap(item, "device",
              {TextKey("source", r, device->mutable_host_path()),
               TextKey("target", r, device->mutable_container_path()),
               TextKey("permissions", r, device->mutable_permissions())},
              r.faults);
    } else if (auto text = ReadText(item, r.faults)) {
      const std::vector<std::string> parts = absl::StrSplit(*text, ':');
      device->set_host_path(parts[0]);
      device->set_container_path(parts.size() > 1 ? parts[1] : parts[0]);
      device->set_permissions(parts.size() > 2 ? parts[2] : "rwm");
    }
    if (device->container_path().empty()) {
      device->set_container_path(device->host_path());
    }
  }
}

void ReadExtraHosts(const Entry& entry, Container* c, Reading& r) {
  for (const KeyValue& host : ReadKeyValues(entry.value, r.faults)) {
    const std::string text = host.value ? absl::StrCat(host.key, ":", *host.value) : host.key;
    if (!absl::StrContains(text, ':')) {
      r.faults.Add(host.mark, absl::StrCat("\"", text, "\" has no address; write \"host:ip\""));
      continue;
    }
    c->add_extra_hosts(text);
  }
}

void ReadLogging(const Entry& entry, Container* c, Reading& r) {
  ReadMap(entry.value, "logging",
          {TextKey("driver", r, c->mutable_log_driver()), MapKey("options", r, c->mutable_log_options())},
          r.faults);
}

void ReadHook(const Entry& entry, google::protobuf::RepeatedPtrField<std::string>* target, Reading& r) {
  if (!entry.value.is_list()) {
    r.faults.Add(entry.value.mark,
                 absl::StrCat(entry.key, " is no list; write `", entry.key, ": [{command: …}]`"));
    return;
  }
  if (entry.value.items.size() > 1) {
    r.faults.Add(entry.value.items[1].mark,
                 absl::StrCat("several commands under ", entry.key, " are not supported; join them in one"));
  }
  for (const Node& item : entry.value.items) {
    auto unsupported = [&](absl::string_view name) {
      return RefusedKey(name, r, "the command runs as the container does; remove it");
    };
    ReadMap(item, entry.key,
            {{"command",
              [&](const Entry& e) {
                for (std::string& word : ReadCommand(e.value, r.faults)) {
                  target->Add(std::move(word));
                }
              }},
             unsupported("user"),
             unsupported("privileged"),
             unsupported("working_dir"),
             unsupported("environment")},
            r.faults);
  }
}

void ReadGpus(const Entry& entry, Container* c, Reading& r) {
  if (entry.value.is_scalar() && entry.value.text == "all") {
    v1::DeviceRequest* request = c->add_device_requests();
    request->set_count(-1);
    request->add_capabilities("gpu");
    return;
  }
  for (const Node& item : entry.value.items) {
    v1::DeviceRequest* request = c->add_device_requests();
    ReadDeviceRequest(item, "gpus", request, r);
    if (request->capabilities().empty()) {
      request->add_capabilities("gpu");
    }
  }
}

void ReadPullPolicy(const Entry& entry, Container* c, Reading& r) {
  const auto text = ReadText(entry.value, r.faults);
  if (!text) {
    return;
  }
  if (*text == "always" || *text == "never" || *text == "missing") {
    c->set_pull_policy(*text);
  } else if (*text == "if_not_present") {
    c->set_pull_policy("missing");
  } else if (*text == "build") {
    r.faults.Deploy(entry.mark,
                    "pull_policy: build needs a build, which a cluster does not do; write missing");
  } else if (absl::StartsWith(*text, "every_") || *text == "daily" || *text == "weekly") {
    r.faults.Warn(entry.mark,
                  "pull_policy by age is not honoured: `drover up` resolves the image once for each "
                  "revision; write missing or always");
  } else {
    r.faults.Add(entry.value.mark,
                 absl::StrCat("\"", *text, "\" is no pull policy; write always, missing or never"));
  }
}

void ReadNetworkMode(const Entry& entry, Container* c, Reading& r) {
  const auto text = ReadText(entry.value, r.faults);
  if (!text) {
    return;
  }
  if (absl::StartsWith(*text, "service:") || absl::StartsWith(*text, "container:")) {
    r.faults.Add(entry.value.mark,
                 absl::StrCat("network_mode \"", *text,
                              "\" is not supported: the other container may be on another host; "
                              "put both into one network"));
    return;
  }
  c->set_network_mode(*text);
}

void ReadLabelFile(const Entry& entry, Container* c, Reading& r) {
  for (const std::string& file : ReadTexts(entry.value, r.faults)) {
    const std::string path = ResolvePath(file, entry.value.mark.source->base_dir, r.in.environment);
    const auto text = ReadWholeFile(path);
    if (!text.ok()) {
      r.faults.Add(entry.value.mark, absl::StrCat("cannot read label file ", file, ": ",
                                                  text.status().message(), "; name a file that exists"));
      continue;
    }
    const auto source = std::make_shared<const Source>(Source{.name = file, .base_dir = DirectoryOf(path)});
    for (const auto& [key, value] : ParseEnvFile(*text, source, r.in.environment, false, r.faults)) {
      c->mutable_labels()->insert({key, value.value_or("")});
    }
  }
}

void AddIsolationKeys(Container* c, Reading& r, std::vector<Key>& keys) {
  keys.push_back(TextsKey("cap_add", r, c->mutable_cap_add()));
  keys.push_back(TextsKey("cap_drop", r, c->mutable_cap_drop()));
  keys.push_back(TextsKey("security_opt", r, c->mutable_security_opt()));
  keys.push_back(TextsKey("group_add", r, c->mutable_group_add()));
  keys.push_back(TextsKey("device_cgroup_rules", r, c->mutable_device_cgroup_rules()));
  keys.push_back({"devices", [&r, c](const Entry& e) { ReadDevices(e, c, r); }});
  keys.push_back({"ulimits", [&r, c](const Entry& e) { ReadUlimits(e, c, r); }});
  keys.push_back({"gpus", [&r, c](const Entry& e) { ReadGpus(e, c, r); }});
  keys.push_back(MapKey("sysctls", r, c->mutable_sysctls()));
  keys.push_back(MapKey("storage_opt", r, c->mutable_storage_opt()));
  keys.push_back(TextKey("ipc", r, c->mutable_ipc()));
  keys.push_back(TextKey("pid", r, c->mutable_pid()));
  keys.push_back(TextKey("uts", r, c->mutable_uts()));
  keys.push_back(TextKey("userns_mode", r, c->mutable_userns_mode()));
  keys.push_back(TextKey("cgroup_parent", r, c->mutable_cgroup_parent()));
  keys.push_back(TextKey("runtime", r, c->mutable_runtime()));
  keys.push_back(TextKey("platform", r, c->mutable_platform()));
  keys.push_back(TextKey("isolation", r, c->mutable_isolation()));
  keys.push_back(BoolKey("privileged", r, [c](bool v) { c->set_privileged(v); }));
  keys.push_back(BoolKey("read_only", r, [c](bool v) { c->set_read_only(v); }));
}

}  // namespace

void AddContainerKeys(ServiceRead& s, Reading& r, std::vector<Key>& keys) {
  Container* c = s.spec.mutable_container();
  keys.push_back(TextKey("image", r, c->mutable_image()));
  keys.push_back({"command", [&r, c](const Entry& e) {
                    bool written = false;
                    ReadProcessList(e, &written, c->mutable_command(), r);
                    c->set_command_set(written);
                  }});
  keys.push_back({"entrypoint", [&r, c](const Entry& e) {
                    bool written = false;
                    ReadProcessList(e, &written, c->mutable_entrypoint(), r);
                    c->set_entrypoint_set(written);
                  }});
  keys.push_back(TextKey("working_dir", r, c->mutable_working_dir()));
  keys.push_back(TextKey("user", r, c->mutable_user()));
  keys.push_back(TextKey("hostname", r, c->mutable_hostname()));
  keys.push_back(TextKey("domainname", r, c->mutable_domainname()));
  keys.push_back(TextKey("container_name", r, c->mutable_container_name()));
  keys.push_back(MapKey("labels", r, c->mutable_labels()));
  keys.push_back({"label_file", [&r, c](const Entry& e) { ReadLabelFile(e, c, r); }});
  keys.push_back(MapKey("annotations", r, c->mutable_annotations()));
  keys.push_back({"tmpfs", [&r, c](const Entry& e) { ReadTmpfs(e, c, r); }});
  keys.push_back({"network_mode", [&r, c](const Entry& e) { ReadNetworkMode(e, c, r); }});
  keys.push_back(TextKey("stop_signal", r, c->mutable_stop_signal()));
  keys.push_back({"stop_grace_period", [&r, c](const Entry& e) {
                    if (auto grace = ReadDuration(e.value, r.faults)) {
                      *c->mutable_stop_grace_period() = ToProto(*grace);
                    }
                  }});
  keys.push_back(BoolKey("init", r, [c](bool v) { c->set_init(v); }));
  keys.push_back(BoolKey("tty", r, [c](bool v) { c->set_tty(v); }));
  keys.push_back(BoolKey("stdin_open", r, [c](bool v) { c->set_stdin_open(v); }));
  keys.push_back({"extra_hosts", [&r, c](const Entry& e) { ReadExtraHosts(e, c, r); }});
  keys.push_back(TextsKey("dns", r, c->mutable_dns()));
  keys.push_back(TextsKey("dns_search", r, c->mutable_dns_search()));
  keys.push_back(TextsKey("dns_opt", r, c->mutable_dns_opt()));
  keys.push_back({"logging", [&r, c](const Entry& e) { ReadLogging(e, c, r); }});
  keys.push_back({"pull_policy", [&r, c](const Entry& e) { ReadPullPolicy(e, c, r); }});
  keys.push_back({"pre_stop", [&r, c](const Entry& e) { ReadHook(e, c->mutable_pre_stop(), r); }});
  keys.push_back({"post_start", [&r, c](const Entry& e) { ReadHook(e, c->mutable_post_start(), r); }});
  AddIsolationKeys(c, r, keys);
}

void ReadHealthcheck(const Entry& entry, ServiceRead& s, Reading& r) {
  v1::Healthcheck* check = s.spec.mutable_container()->mutable_healthcheck();
  bool disable = false;
  auto duration = [&r](absl::string_view name, google::protobuf::Duration* (v1::Healthcheck::*target)(),
                       v1::Healthcheck* message) {
    return Key{name, [&r, target, message](const Entry& e) {
                 if (auto value = ReadDuration(e.value, r.faults)) {
                   *(message->*target)() = ToProto(*value);
                 }
               }};
  };
  auto test = [&](const Entry& e) {
    if (e.value.is_scalar()) {
      check->add_test("CMD-SHELL");
      check->add_test(e.value.text);
      return;
    }
    const std::vector<std::string> words = ReadTexts(e.value, r.faults);
    if (words.empty() || (words[0] != "CMD" && words[0] != "CMD-SHELL" && words[0] != "NONE")) {
      r.faults.Add(e.value.mark,
                   "a test that is a list begins with NONE, CMD or CMD-SHELL; write [\"CMD\", …]");
      return;
    }
    for (const std::string& word : words) {
      check->add_test(word);
    }
  };
  ReadMap(entry.value, "healthcheck",
          {{"test", test},
           duration("interval", &v1::Healthcheck::mutable_interval, check),
           duration("timeout", &v1::Healthcheck::mutable_timeout, check),
           duration("start_period", &v1::Healthcheck::mutable_start_period, check),
           duration("start_interval", &v1::Healthcheck::mutable_start_interval, check),
           {"retries",
            [&](const Entry& e) {
              check->set_retries(static_cast<uint32_t>(ReadInt(e.value, 0, 1'000'000, r.faults).value_or(0)));
            }},
           {"disable", [&](const Entry& e) { disable = ReadBool(e.value, r.faults).value_or(false); }}},
          r.faults);
  if (disable) {
    check->clear_test();
    check->add_test("NONE");
  }
}

}  // namespace drover::compose
