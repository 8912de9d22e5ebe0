#include "compose/merge.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace drover::compose {
namespace {

enum class Rule {
  kPlain,     // maps merge, lists append
  kReplace,   // the later one wins as a whole
  kKeyValue,  // lists of K=V and maps are the same thing
  kNames,     // lists of names and maps of them are the same thing
  kUnique,    // lists append, equal entries once
  kTargets,   // volumes, configs, secrets, devices: one entry for one target
  kPorts,     // one entry for one published port
  kLogging,   // options merge only under the same driver
};

// What a path below a service means; `*` stands for any name.
Rule ServiceRule(absl::string_view key) {
  static const absl::string_view kReplace[] = {"command", "entrypoint", "build"};
  static const absl::string_view kKeyValue[] = {"environment", "labels", "annotations", "sysctls",
                                                "extra_hosts"};
  static const absl::string_view kNames[] = {"depends_on", "networks", "models"};
  static const absl::string_view kTargets[] = {"volumes", "configs", "secrets", "devices"};
  static const absl::string_view kUnique[] = {
      "expose",       "cap_add",  "cap_drop", "dns",       "dns_search", "dns_opt", "env_file",
      "security_opt", "profiles", "tmpfs",    "group_add", "label_file", "links",   "external_links"};
  auto in = [&](const auto& names) {
    return std::find(std::begin(names), std::end(names), key) != std::end(names);
  };
  if (in(kReplace)) return Rule::kReplace;
  if (in(kKeyValue)) return Rule::kKeyValue;
  if (in(kNames)) return Rule::kNames;
  if (in(kTargets)) return Rule::kTargets;
  if (in(kUnique)) return Rule::kUnique;
  if (key == "ports") return Rule::kPorts;
  if (key == "logging") return Rule::kLogging;
  return Rule::kPlain;
}

// A list of "K=V" (or "host:ip") as a map; other nodes stay.
void ListToMap(Node& node) {
  if (!node.is_list()) {
    return;
  }
  Node map = MakeMap(node.mark);
  map.tag = node.tag;
  for (Node& item : node.items) {
    const size_t split = item.text.find_first_of('=');
    Entry entry{.key = item.text.substr(0, split), .mark = item.mark, .value = {}};
    entry.value.mark = item.mark;
    if (split != std::string::npos) {
      entry.value = MakeScalar(item.mark, item.text.substr(split + 1));
    }
    map.Erase(entry.key);
    map.entries.push_back(std::move(entry));
  }
  node = std::move(map);
}

// A list of names as a map of nulls (networks) or of the default condition (depends_on).
void NamesToMap(Node& node, bool conditions) {
  if (!node.is_list()) {
    return;
  }
  Node map = MakeMap(node.mark);
  map.tag = node.tag;
  for (Node& item : node.items) {
    Entry entry{.key = item.text, .mark = item.mark, .value = {}};
    entry.value.mark = item.mark;
    if (conditions) {
      entry.value = MakeMap(item.mark);
      entry.value.entries.push_back(
          {.key = "condition", .mark = item.mark, .value = MakeScalar(item.mark, "service_started")});
    }
    map.entries.push_back(std::move(entry));
  }
  node = std::move(map);
}

std::string TextOf(const Node& node, absl::string_view key) {
  const Node* child = node.Find(key);
  return child == nullptr ? "" : child->text;
}

// What makes a volume, config, secret or device the same one as another.
std::string TargetOf(const Node& item) {
  if (item.is_map()) {
    const std::string target = TextOf(item, "target");
    return target.empty() ? TextOf(item, "source") : target;
  }
  const std::vector<std::string> parts = absl::StrSplit(item.text, ':');
  return std::string(absl::StripSuffix(parts.size() > 1 ? parts[1] : parts[0], "/"));
}

std::string PortKey(const Node& item) {
  if (!item.is_map()) {
    return std::string(absl::StripSuffix(item.text, "/tcp"));
  }
  const std::string protocol = TextOf(item, "protocol");
  const std::string ip = TextOf(item, "host_ip");
  const std::string published = TextOf(item, "published");
  return absl::StrCat(ip, ip.empty() ? "" : ":", published, published.empty() ? "" : ":",
                      TextOf(item, "target"), protocol.empty() || protocol == "tcp" ? "" : "/",
                      protocol == "tcp" ? "" : protocol);
}

std::string WholeText(const Node& item) {
  std::string text = item.text;
  for (const Entry& entry : item.entries) {
    absl::StrAppend(&text, entry.key, "\n", WholeText(entry.value), "\n");
  }
  return text;
}

template <typename KeyOf>
void AppendUnique(Node& base, const Node& over, KeyOf key_of) {
  auto as_list = [](Node node) {
    if (node.is_scalar()) {
      Node list;
      list.kind = Node::Kind::kList;
      list.mark = node.mark;
      list.items.push_back(std::move(node));
      return list;
    }
    return node;
  };
  base = as_list(std::move(base));
  for (const Node& item : as_list(over).items) {
    auto it = std::find_if(base.items.begin(), base.items.end(),
                           [&](const Node& other) { return key_of(other) == key_of(item); });
    if (it == base.items.end()) {
      base.items.push_back(item);
    } else {
      *it = item;
    }
  }
}

void MergePlain(Node& base, const Node& over);

// True when tags or kinds decide and nothing is left to merge.
bool Settled(Node& base, const Node& over) {
  const bool decided = over.tag == "!reset" || over.tag == "!override" || base.is_null();
  if (decided || over.is_null()) {
    if (decided) {
      base = over;
    }
    return true;
  }
  return false;
}

template <typename MergeChild>
void MergeEntries(Node& base, const Node& over, MergeChild merge_child) {
  for (const Entry& entry : over.entries) {
    if (Node* child = base.Find(entry.key)) {
      merge_child(entry.key, *child, entry.value);
    } else {
      base.entries.push_back(entry);
    }
  }
}

void MergePlain(Node& base, const Node& over) {
  if (Settled(base, over)) {
    return;
  }
  if (base.is_map() && over.is_map()) {
    MergeEntries(base, over, [](absl::string_view key, Node& child, const Node& value) {
      if (key == "labels" || key == "driver_opts") {
        Node other = value;
        ListToMap(child);
        ListToMap(other);
        MergePlain(child, other);
      } else if (key == "test" && !Settled(child, value)) {
        child = value;
      } else {
        MergePlain(child, value);
      }
    });
  } else if (base.is_list() && over.is_list()) {
    base.items.insert(base.items.end(), over.items.begin(), over.items.end());
  } else {
    base = over;
  }
}

void MergeServiceKey(absl::string_view key, Node& base, const Node& over) {
  if (Settled(base, over)) {
    return;
  }
  Node other = over;
  switch (ServiceRule(key)) {
    case Rule::kReplace:
      base = other;
      return;
    case Rule::kKeyValue:
      ListToMap(base);
      ListToMap(other);
      return MergePlain(base, other);
    case Rule::kNames:
      NamesToMap(base, key == "depends_on");
      NamesToMap(other, key == "depends_on");
      return MergePlain(base, other);
    case Rule::kUnique:
      return AppendUnique(base, other, WholeText);
    case Rule::kTargets:
      return AppendUnique(base, other, TargetOf);
    case Rule::kPorts:
      return AppendUnique(base, other, PortKey);
    case Rule::kLogging:
      if (!TextOf(other, "driver").empty() && TextOf(base, "driver") != TextOf(other, "driver")) {
        base = other;
        return;
      }
      return MergePlain(base, other);
    case Rule::kPlain:
      return MergePlain(base, other);
  }
}

}  // namespace

void MergeService(Node& base, const Node& over) {
  if (Settled(base, over)) {
    return;
  }
  if (!base.is_map() || !over.is_map()) {
    base = over;
    return;
  }
  MergeEntries(base, over, MergeServiceKey);
}

void MergeFile(Node& base, const Node& over) {
  if (Settled(base, over)) {
    return;
  }
  if (!base.is_map() || !over.is_map()) {
    base = over;
    return;
  }
  MergeEntries(base, over, [](absl::string_view key, Node& child, const Node& value) {
    if (key != "services" || !child.is_map() || !value.is_map()) {
      MergePlain(child, value);
      return;
    }
    MergeEntries(child, value, [](absl::string_view /*name*/, Node& service, const Node& other) {
      MergeService(service, other);
    });
  });
}

void DropResets(Node& node) {
  std::erase_if(node.entries, [](const Entry& entry) { return entry.value.tag == "!reset"; });
  std::erase_if(node.items, [](const Node& item) { return item.tag == "!reset"; });
  for (Entry& entry : node.entries) {
    DropResets(entry.value);
  }
  for (Node& item : node.items) {
    DropResets(item);
  }
}

}  // namespace drover::compose
