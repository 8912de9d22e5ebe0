// volumes, configs and secrets of a service.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "compose/files.h"
#include "compose/schema.h"

namespace drover::compose {
namespace {

bool IsPath(absl::string_view source) {
  return absl::StartsWith(source, "/") || absl::StartsWith(source, ".") || absl::StartsWith(source, "~");
}

// Declares the use of named volume `name`; false when the file does not declare it.
bool UseVolume(const std::string& name, v1::Mount& mount, const Mark& mark, Reading& r) {
  auto it = r.volumes.find(name);
  if (it == r.volumes.end()) {
    std::vector<absl::string_view> names;
    for (const auto& [known, volume] : r.volumes) {
      names.push_back(known);
    }
    const std::string near = Nearest(name, names);
    r.faults.Add(
        mark, absl::StrCat("volume \"", name, "\" is not declared; ",
                           near.empty() ? absl::StrCat("write `", name, ":` under the top level `volumes:`")
                                        : absl::StrCat("did you mean \"", near, "\"?")));
    return false;
  }
  r.used_volumes.insert(name);
  mount.set_source(it->second.engine_name());
  return true;
}

void UseBind(const std::string& source, v1::Mount& mount, const Mark& mark, Reading& r) {
  mount.set_source(ResolvePath(source, mark.source->base_dir, r.in.environment));
  if (!absl::StartsWith(source, "/")) {
    r.faults.Warn(mark, absl::StrCat("\"", source,
                                     "\" is relative to this machine; every node that runs the service "
                                     "needs it at the same place: write an absolute path"));
  }
}

void ReadShortOptions(absl::string_view options, v1::Mount& mount, const Mark& mark, Reading& r) {
  static const absl::string_view kPropagation[] = {"shared",  "slave",  "private",
                                                   "rshared", "rslave", "rprivate"};
  for (absl::string_view option : absl::StrSplit(options, ',', absl::SkipEmpty())) {
    if (option == "ro") {
      mount.set_read_only(true);
    } else if (option == "z" || option == "Z") {
      mount.set_selinux(std::string(option));
    } else if (option == "nocopy") {
      mount.set_no_copy(true);
    } else if (std::find(std::begin(kPropagation), std::end(kPropagation), option) !=
               std::end(kPropagation)) {
      mount.set_propagation(std::string(option));
    } else if (option != "rw" && option != "cached" && option != "delegated" && option != "consistent") {
      r.faults.Add(mark,
                   absl::StrCat("unknown volume option \"", option, "\"; known are ro, rw, z, Z, nocopy and ",
                                "the propagations of bind mounts"));
    }
  }
}

void ReadShort(const Node& item, ServiceRead& s, Reading& r) {
  const std::vector<std::string> parts = absl::StrSplit(item.text, ':');
  ServiceRead::Written written{.mount = {}, .source = parts[0], .mark = item.mark};
  v1::Mount& mount = written.mount;
  if (parts.size() > 3 || item.text.empty()) {
    r.faults.Add(item.mark, absl::StrCat("\"", item.text,
                                         "\" is no volume; write \"source:/target\" or "
                                         "\"source:/target:ro\""));
    return;
  }
  const bool alone = parts.size() == 1;
  mount.set_target(alone ? parts[0] : parts[1]);
  if (!absl::StartsWith(mount.target(), "/")) {
    r.faults.Add(item.mark, absl::StrCat("\"", mount.target(),
                                         "\" is no absolute path in the container; begin it "
                                         "with \"/\""));
    return;
  }
  if (parts.size() == 3) {
    ReadShortOptions(parts[2], mount, item.mark, r);
  }
  if (alone) {
    mount.set_type(v1::Mount::ANONYMOUS);
  } else if (IsPath(parts[0])) {
    mount.set_type(v1::Mount::BIND);
    UseBind(parts[0], mount, item.mark, r);
  } else {
    mount.set_type(v1::Mount::VOLUME);
    if (!UseVolume(parts[0], mount, item.mark, r)) {
      return;
    }
  }
  s.mounts.push_back(std::move(written));
}

uint32_t ReadMode(const Node& node, Reading& r) {
  const std::string text = ReadText(node, r.faults).value_or("0");
  uint32_t mode = 0;
  for (char c : text) {
    if (c < '0' || c > '7' || text.size() > 5) {
      r.faults.Add(node.mark,
                   absl::StrCat("\"", text, "\" is no file mode; write octal digits, for example 0440"));
      return 0;
    }
    mode = mode * 8 + static_cast<uint32_t>(c - '0');
  }
  return mode;
}

std::vector<Key> LongMountKeys(v1::Mount& mount, std::string* type, std::string* source, Reading& r) {
  auto refused = [&r](absl::string_view name) {
    return RefusedKey(name, r, "a part of a volume cannot be mounted; mount the whole volume");
  };
  auto bind = [&r, &mount](const Entry& e) {
    ReadMap(
        e.value, "bind",
        {TextKey("propagation", r, mount.mutable_propagation()),
         TextKey("selinux", r, mount.mutable_selinux()),
         {"create_host_path",
          [&](const Entry& b) { mount.set_create_host_path(ReadBool(b.value, r.faults).value_or(false)); }},
         WarnedKey("recursive", r, "the engine's default is used; remove it")},
        r.faults);
  };
  auto volume = [&r, &mount, refused](const Entry& e) {
    ReadMap(
        e.value, "volume",
        {{"nocopy", [&](const Entry& v) { mount.set_no_copy(ReadBool(v.value, r.faults).value_or(false)); }},
         refused("subpath"),
         WarnedKey("labels", r, "write them under the top level `volumes:`")},
        r.faults);
  };
  auto tmpfs = [&r, &mount](const Entry& e) {
    ReadMap(e.value, "tmpfs",
            {{"size",
              [&](const Entry& t) { mount.set_tmpfs_size_bytes(ReadBytes(t.value, r.faults).value_or(0)); }},
             {"mode", [&](const Entry& t) { mount.set_tmpfs_mode(ReadMode(t.value, r)); }}},
            r.faults);
  };
  return {
      TextKey("type", r, type),
      TextKey("source", r, source),
      TextKey("target", r, mount.mutable_target()),
      {"read_only",
       [&r, &mount](const Entry& e) { mount.set_read_only(ReadBool(e.value, r.faults).value_or(false)); }},
      {"consistency", [](const Entry&) {}},
      {"bind", bind},
      {"volume", volume},
      {"tmpfs", tmpfs},
      refused("image")};
}

void ReadLong(const Node& item, ServiceRead& s, Reading& r) {
  ServiceRead::Written written{.mount = {}, .source = "", .mark = item.mark};
  v1::Mount& mount = written.mount;
  std::string type;
  ReadMap(item, "volume", LongMountKeys(mount, &type, &written.source, r), r.faults);
  if (!absl::StartsWith(mount.target(), "/")) {
    r.faults.Add(item.mark, absl::StrCat("the volume's target \"", mount.target(),
                                         "\" is no absolute path in the "
                                         "container; write `target: /path`"));
    return;
  }
  if (type == "bind") {
    mount.set_type(v1::Mount::BIND);
    UseBind(written.source, mount, item.mark, r);
  } else if (type == "volume" || type.empty()) {
    mount.set_type(written.source.empty() ? v1::Mount::ANONYMOUS : v1::Mount::VOLUME);
    if (!written.source.empty() && !UseVolume(written.source, mount, item.mark, r)) {
      return;
    }
  } else if (type == "tmpfs") {
    mount.set_type(v1::Mount::TMPFS);
  } else {
    r.faults.Add(item.mark,
                 absl::StrCat("volume type \"", type, "\" is not supported; write volume, bind or tmpfs"));
    return;
  }
  s.mounts.push_back(std::move(written));
}

}  // namespace

void ReadMounts(const Entry& entry, ServiceRead& s, Reading& r) {
  if (!entry.value.is_list()) {
    r.faults.Add(entry.value.mark, "volumes of a service is no list; write `volumes: [\"data:/data\"]`");
    return;
  }
  for (const Node& item : entry.value.items) {
    if (item.is_map()) {
      ReadLong(item, s, r);
    } else if (ReadText(item, r.faults)) {
      ReadShort(item, s, r);
    }
  }
}

void ReadFileMounts(const Entry& entry, bool secret, ServiceRead& s, Reading& r) {
  const std::string kind = secret ? "secret" : "config";
  if (!entry.value.is_list()) {
    r.faults.Add(entry.value.mark, absl::StrCat(entry.key, " is no list; write `", entry.key, ": [NAME]`"));
    return;
  }
  for (const Node& item : entry.value.items) {
    std::string source;
    std::string target;
    uint32_t mode = 0;
    if (item.is_map()) {
      ReadMap(item, kind,
              {TextKey("source", r, &source),
               TextKey("target", r, &target),
               {"mode",
                [&](const Entry& e) {
                  mode = ReadMode(e.value, r);
                  if (mode != 0444) {
                    r.faults.Warn(e.mark,
                                  "mode is not honoured: everybody in the container may read the file "
                                  "(0444); remove it");
                  }
                }},
               WarnedKey("uid", r, "files are owned by root and readable by all; remove it"),
               WarnedKey("gid", r, "files are owned by root and readable by all; remove it")},
              r.faults);
    } else {
      source = ReadText(item, r.faults).value_or("");
    }
    const std::string name = absl::StrCat(kind, "/", source);
    if (r.files.count(name) == 0) {
      r.faults.Add(item.mark, absl::StrCat(kind, " \"", source, "\" is not declared; write `", source,
                                           ":` under the top level `", kind, "s:`"));
      continue;
    }
    r.used_files.insert(name);
    target = target.empty() ? source : target;
    if (!absl::StartsWith(target, "/")) {
      target = absl::StrCat(secret ? "/run/secrets/" : "/", target);
    }
    v1::FileMount* mount = s.spec.mutable_container()->add_files();
    mount->set_file(name);
    mount->set_target(target);
    mount->set_mode(mode);
  }
}

}  // namespace drover::compose
