// environment and env_file of a service, in Compose's order of precedence.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compose/dotenv.h"
#include "compose/files.h"
#include "compose/schema.h"

namespace drover::compose {
namespace {

struct EnvFileRef {
  std::string path;
  bool required = true;
  bool raw = false;
  Mark mark;
};

std::vector<EnvFileRef> ReadEnvFileRefs(const Node& node, Reading& r) {
  std::vector<EnvFileRef> refs;
  const std::vector<Node> items = node.is_list() ? node.items : std::vector<Node>{node};
  for (const Node& item : items) {
    EnvFileRef ref;
    ref.mark = item.mark;
    std::string path;
    if (item.is_map()) {
      ReadMap(
          item, "env_file",
          {TextKey("path", r, &path),
           {"required", [&](const Entry& e) { ref.required = ReadBool(e.value, r.faults).value_or(true); }},
           {"format", [&](const Entry& e) { ref.raw = ReadWord(e.value, {"raw"}, r.faults).has_value(); }}},
          r.faults);
    } else if (!item.is_null()) {
      path = ReadText(item, r.faults).value_or("");
    }
    if (!path.empty()) {
      ref.path = ResolvePath(path, item.mark.source->base_dir, r.in.environment);
      refs.push_back(ref);
    }
  }
  return refs;
}

}  // namespace

void ReadEnvironmentOf(const Node& service, ServiceRead& s, Reading& r) {
  std::map<std::string, std::string> values;
  auto inherit = [&](const std::string& key, const Mark& mark) {
    auto it = r.in.environment.find(key);
    if (it != r.in.environment.end()) {
      RequireUtf8(it->second, mark, r.faults);
      values[key] = it->second;
    } else {
      values.erase(key);
    }
  };
  if (const Node* env_file = service.Find("env_file")) {
    for (const EnvFileRef& ref : ReadEnvFileRefs(*env_file, r)) {
      const std::string name = DisplayPath(ref.path, r.in.project_dir);
      const auto text = ReadWholeFile(ref.path);
      if (!text.ok()) {
        if (ref.required) {
          r.faults.Add(ref.mark, absl::StrCat("cannot read env_file ", name, ": ", text.status().message(),
                                              "; name a file that exists, or write required: false"));
        }
        continue;
      }
      const auto source =
          std::make_shared<const Source>(Source{.name = name, .base_dir = DirectoryOf(ref.path)});
      for (const auto& [key, value] : ParseEnvFile(*text, source, r.in.environment, ref.raw, r.faults)) {
        if (value) {
          values[key] = *value;
        } else {
          inherit(key, ref.mark);
        }
      }
    }
  }
  if (const Node* environment = service.Find("environment")) {
    for (const KeyValue& item : ReadKeyValues(*environment, r.faults)) {
      if (item.key.empty()) {
        r.faults.Add(item.mark, "an environment variable has no name; write NAME=value");
      } else if (item.value) {
        values[item.key] = *item.value;
      } else {
        inherit(item.key, item.mark);
      }
    }
  }
  for (const auto& [key, value] : values) {
    s.spec.mutable_container()->add_environment(absl::StrCat(key, "=", value));
  }
}

}  // namespace drover::compose
