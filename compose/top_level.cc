// The top level of the file beside services: volumes, networks, configs, secrets, x-queues.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "compose/files.h"
#include "compose/schema.h"

namespace drover::compose {
namespace {

// `external: true`, or the old `external: {name: other}`.
bool ReadExternal(const Node& node, std::string* name, Reading& r) {
  if (!node.is_map()) {
    return ReadBool(node, r.faults).value_or(false);
  }
  ReadMap(node, "external", {TextKey("name", r, name)}, r.faults);
  return true;
}

void ReadVolume(const Entry& entry, Reading& r) {
  v1::VolumeSpec volume;
  volume.set_name(entry.key);
  std::string name;
  ReadMap(entry.value, absl::StrCat("volume \"", entry.key, "\""),
          {TextKey("name", r, &name),
           TextKey("driver", r, volume.mutable_driver()),
           MapKey("driver_opts", r, volume.mutable_driver_opts()),
           MapKey("labels", r, volume.mutable_labels()),
           {"external", [&](const Entry& e) { volume.set_external(ReadExternal(e.value, &name, r)); }}},
          r.faults);
  const std::string standard = volume.external() ? entry.key : absl::StrCat(r.in.project, "_", entry.key);
  volume.set_engine_name(name.empty() ? standard : name);
  r.volumes[entry.key] = volume;
}

void ReadNetwork(const Entry& entry, Reading& r) {
  v1::NetworkSpec network;
  network.set_name(entry.key);
  std::string name;
  auto flag = [&](absl::string_view key, bool normal) {
    return Key{key, [&r, normal](const Entry& e) {
                 if (ReadBool(e.value, r.faults).value_or(normal) != normal) {
                   r.faults.Warn(e.mark, absl::StrCat(e.key,
                                                      " is not honoured: networks of a stack are local "
                                                      "bridges; remove it, or use an external network"));
                 }
               }};
  };
  ReadMap(entry.value, absl::StrCat("network \"", entry.key, "\""),
          {TextKey("name", r, &name),
           TextKey("driver", r, network.mutable_driver()),
           MapKey("driver_opts", r, network.mutable_driver_opts()),
           MapKey("labels", r, network.mutable_labels()),
           {"internal",
            [&](const Entry& e) { network.set_internal(ReadBool(e.value, r.faults).value_or(false)); }},
           {"external", [&](const Entry& e) { network.set_external(ReadExternal(e.value, &name, r)); }},
           WarnedKey("ipam", r,
                     "subnets come from the agent's address_pool; remove it, or use an external network"),
           flag("attachable", false),
           flag("enable_ipv6", false),
           flag("enable_ipv4", true)},
          r.faults);
  const std::string standard = network.external() ? entry.key : absl::StrCat(r.in.project, "_", entry.key);
  network.set_engine_name(name.empty() ? standard : name);
  r.networks[entry.key] = network;
}

// Where a config's or secret's content comes from, as written.
struct FileSource {
  std::string file;
  std::string content;
  std::string environment;
  std::string node_path;
  bool external = false;
  Mark file_mark;
};

void TakeContent(const FileSource& source, const Mark& mark, v1::FileSpec& file, Reading& r) {
  if (!source.node_path.empty()) {
    if (!absl::StartsWith(source.node_path, "/")) {
      r.faults.Add(mark, "x-node-path is no absolute path; write where the file lies on every node");
    }
    file.set_node_path(source.node_path);
    return;
  }
  if (source.external) {
    r.faults.Add(mark, absl::StrCat(file.name(),
                                    " is external, which is not supported; write file:, environment: or "
                                    "x-node-path: (a file on the nodes)"));
    return;
  }
  if (!source.file.empty()) {
    const std::string path = ResolvePath(source.file, source.file_mark.source->base_dir, r.in.environment);
    const auto content = ReadWholeFile(path);
    if (!content.ok()) {
      r.faults.Deploy(source.file_mark,
                      absl::StrCat("cannot read ", source.file, ": ", content.status().message(),
                                   "; name a file that exists"));
      return;
    }
    file.set_content(*content);
  } else if (!source.environment.empty()) {
    auto it = r.in.environment.find(source.environment);
    if (it == r.in.environment.end()) {
      r.faults.Deploy(mark, absl::StrCat("variable ", source.environment, " is not set; set it"));
      return;
    }
    file.set_content(it->second);
  } else {
    file.set_content(source.content);
  }
  file.set_sha256(Sha256(file.content()));
}

void ReadFile(const Entry& entry, bool secret, Reading& r) {
  v1::FileSpec file;
  const std::string kind = secret ? "secret" : "config";
  file.set_name(absl::StrCat(kind, "/", entry.key));
  file.set_secret(secret);
  FileSource source;
  int sources = 0;
  auto one = [&](absl::string_view key, std::string* target) {
    return Key{key, [&r, &sources, &source, target](const Entry& e) {
                 ++sources;
                 *target = ReadText(e.value, r.faults).value_or("");
                 source.file_mark = e.value.mark;
               }};
  };
  std::string unused;
  ReadMap(entry.value, absl::StrCat(kind, " \"", entry.key, "\""),
          {one("file", &source.file),
           one("content", &source.content),
           one("environment", &source.environment),
           TextKey("x-node-path", r, &source.node_path),
           TextKey("name", r, &unused),
           {"external",
            [&](const Entry& e) {
              source.external = ReadExternal(e.value, &unused, r);
              sources += source.external ? 1 : 0;
            }},
           WarnedKey("labels", r, "configs and secrets carry no labels; remove it"),
           WarnedKey("driver", r, "Drover keeps configs and secrets itself; remove it"),
           WarnedKey("driver_opts", r, "Drover keeps configs and secrets itself; remove it"),
           WarnedKey("template_driver", r, "contents are used as they are; remove it")},
          r.faults);
  if (source.node_path.empty() && sources != 1) {
    r.faults.Add(entry.mark, absl::StrCat(kind, " \"", entry.key, "\" has ",
                                          sources == 0 ? "no source" : "several sources",
                                          "; write one of file, content or environment"));
    return;
  }
  TakeContent(source, entry.mark, file, r);
  r.files[file.name()] = file;
}

void ReadSharedVolumes(const Entry& entry, Reading& r) {
  if (!entry.value.is_map()) {
    r.faults.Add(entry.value.mark, "x-volumes is no map; write `x-volumes: {media: {shared: true}}`");
    return;
  }
  for (const Entry& item : entry.value.entries) {
    auto it = r.volumes.find(item.key);
    if (it == r.volumes.end()) {
      r.faults.Add(item.mark,
                   absl::StrCat("x-volumes names \"", item.key, "\", which is not declared; write `",
                                item.key, ":` under the top level `volumes:`"));
      continue;
    }
    ReadMap(item.value, absl::StrCat("x-volumes ", item.key),
            {{"shared",
              [&](const Entry& e) { it->second.set_shared(ReadBool(e.value, r.faults).value_or(false)); }}},
            r.faults);
  }
}

using Reader = void (*)(const Entry&, Reading&);

Key SectionKey(absl::string_view name, Reading& r, Reader reader) {
  return {name, [&r, reader](const Entry& section) {
            if (section.value.is_map()) {
              for (const Entry& entry : section.value.entries) {
                reader(entry, r);
              }
            } else if (!section.value.is_null()) {
              r.faults.Add(section.value.mark,
                           absl::StrCat(section.key, " is no map; write `", section.key, ": {NAME: …}`"));
            }
          }};
}

}  // namespace

void ReadTopLevel(Reading& r) {
  auto ignore = [](const Entry&) {};
  const Entry* shared = nullptr;
  ReadMap(
      r.in.tree, "the Compose file",
      {{"name", ignore},
       {"services", ignore},
       {"version",
        [&](const Entry& e) { r.faults.Warn(e.mark, "version is obsolete and nobody reads it; remove it"); }},
       SectionKey("volumes", r, ReadVolume),
       SectionKey("networks", r, ReadNetwork),
       SectionKey("configs", r, [](const Entry& e, Reading& reading) { ReadFile(e, false, reading); }),
       SectionKey("secrets", r, [](const Entry& e, Reading& reading) { ReadFile(e, true, reading); }),
       RefusedKey("models", r, "models need Docker's model runner; use a service that serves the model"),
       {"x-queues", [&](const Entry& e) { ReadQueues(e, r); }},
       {"x-volumes", [&](const Entry& e) { shared = &e; }},
       RefusedKey("x-budgets", r, "sums over services are not built yet; lower the services' max")},
      r.faults);
  if (shared != nullptr) {
    ReadSharedVolumes(*shared, r);
  }
  if (r.networks.count("default") == 0) {
    v1::NetworkSpec network;
    network.set_name("default");
    network.set_engine_name(absl::StrCat(r.in.project, "_default"));
    r.networks["default"] = network;
  }
}

void ReadNetworksOf(const Entry& entry, ServiceRead& s, Reading& r) {
  auto attach = [&](const std::string& name, const Mark& mark) -> v1::NetworkAttachment* {
    auto it = r.networks.find(name);
    if (it == r.networks.end()) {
      r.faults.Add(mark, absl::StrCat("network \"", name, "\" is not declared; write `", name,
                                      ":` under the top level `networks:`"));
      return nullptr;
    }
    r.used_networks.insert(name);
    v1::NetworkAttachment* attachment = s.spec.mutable_container()->add_networks();
    attachment->set_network(it->second.engine_name());
    return attachment;
  };
  if (!entry.value.is_map()) {
    const std::vector<Node> items = entry.value.is_list() ? entry.value.items : std::vector<Node>{};
    for (const Node& item : items) {
      if (auto name = ReadText(item, r.faults)) {
        attach(*name, item.mark);
      }
    }
    if (!entry.value.is_list() && !entry.value.is_null()) {
      r.faults.Add(entry.value.mark, "networks is neither a list nor a map; write `networks: [front]`");
    }
    return;
  }
  for (const Entry& item : entry.value.entries) {
    v1::NetworkAttachment* attachment = attach(item.key, item.mark);
    if (attachment == nullptr) {
      continue;
    }
    const bool external = r.networks[item.key].external();
    auto address = [&](absl::string_view key, std::string* target) {
      return Key{key, [&r, external, target](const Entry& e) {
                   if (external) {
                     *target = ReadText(e.value, r.faults).value_or("");
                   } else {
                     r.faults.Warn(e.mark, absl::StrCat(e.key,
                                                        " is not honoured: addresses come from the agent's "
                                                        "address_pool; reach the service by its name"));
                   }
                 }};
    };
    auto warned = [&](absl::string_view key) {
      return WarnedKey(key, r, "the engine's own setting is used; remove it");
    };
    ReadMap(item.value, absl::StrCat("network ", item.key),
            {TextsKey("aliases", r, attachment->mutable_aliases()),
             address("ipv4_address", attachment->mutable_ipv4_address()),
             address("ipv6_address", attachment->mutable_ipv6_address()), warned("link_local_ips"),
             warned("mac_address"), warned("priority"), warned("gw_priority"), warned("driver_opts"),
             warned("interface_name")},
            r.faults);
  }
}

}  // namespace drover::compose
