#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "controller/config/raw.h"

namespace drover::controller::raw {
namespace {

// Below a key that has a list: any of its items.
constexpr char kItem[] = "[]";

// What may stand below a key; empty: a scalar.
std::set<std::string> ChildrenOf(const std::string& path) {
  std::set<std::string> out;
  const std::string prefix = path.empty() ? "" : path + ".";
  for (const std::string& key : KnownKeys()) {
    if (key.compare(0, prefix.size(), prefix) == 0 && key.size() > prefix.size()) {
      out.insert(key.substr(prefix.size(), key.find('.', prefix.size()) - prefix.size()));
    }
  }
  return out;
}

bool IsScalarKey(const std::string& path) {
  const std::vector<std::string> keys = KnownKeys();
  return std::binary_search(keys.begin(), keys.end(), path);
}

size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string Nearest(const std::string& name, const std::set<std::string>& known) {
  const auto nearest = std::min_element(known.begin(), known.end(), [&](const auto& a, const auto& b) {
    return EditDistance(name, a) < EditDistance(name, b);
  });
  if (nearest != known.end() && EditDistance(name, *nearest) <= 1 + name.size() / 3) {
    return absl::StrCat("did you mean \"", *nearest, "\"?");
  }
  return absl::StrCat("known here: ", absl::StrJoin(known, ", "));
}

class Reader {
 public:
  explicit Reader(const std::string& file) : file_(file) {}

  // `kind` is `path` as KnownKeys has it: with [] in place of an item's number.
  void Read(const YAML::Node& node, const std::string& path, const std::string& kind) {
    const std::set<std::string> children = ChildrenOf(kind);
    const bool list = children.contains(kItem);
    if (node.IsMap() && !children.empty() && !list) {
      return ReadMap(node, path, kind, children);
    }
    if (node.IsSequence() && list) {
      for (size_t i = 0; i < node.size(); ++i) {
        Read(node[i], absl::StrCat(path, ".", i), absl::StrCat(kind, ".", kItem));
      }
      return;
    }
    const std::string place = PlaceOf(node.Mark());
    if (list) {
      Fault(place, path, "must be a list");
    } else if (node.IsScalar() && IsScalarKey(kind)) {
      config_.values[path] = {node.Scalar(), place};
    } else if (IsScalarKey(kind)) {
      Fault(place, path, "must be a single value");
    } else if (path.empty()) {
      Fault(place, "", absl::StrCat("must be a map with ", absl::StrJoin(children, ", ")));
    } else {
      Fault(place, path, absl::StrCat("must be a map with ", absl::StrJoin(children, ", ")));
    }
  }

  void Fault(const std::string& place, const std::string& path, const std::string& text) {
    config_.faults.push_back(path.empty() ? absl::StrCat(place, ": ", text)
                                          : absl::StrCat(place, ": ", path, ": ", text));
  }

  std::string PlaceOf(const YAML::Mark& mark) const {
    return mark.is_null() ? file_ : absl::StrCat(file_, ":", mark.line + 1, ":", mark.column + 1);
  }

  Config Take() { return std::move(config_); }

 private:
  void ReadMap(const YAML::Node& node, const std::string& path, const std::string& kind,
               const std::set<std::string>& children) {
    std::set<std::string> seen;
    for (const auto& entry : node) {
      const std::string place = PlaceOf(entry.first.Mark());
      if (!entry.first.IsScalar()) {
        Fault(place, path, "a key must be a plain word");
        continue;
      }
      const std::string key = entry.first.Scalar();
      const std::string below = path.empty() ? key : absl::StrCat(path, ".", key);
      if (children.count(key) == 0) {
        Fault(place, below, absl::StrCat("unknown key; ", Nearest(key, children)));
      } else if (!seen.insert(key).second) {
        Fault(place, below, "is given twice; keep one of them");
      } else {
        Read(entry.second, below, kind.empty() ? key : absl::StrCat(kind, ".", key));
      }
    }
  }

  const std::string file_;
  Config config_;
};

}  // namespace

std::vector<std::string> KnownKeys() {
  return {"advertise.[]",
          "assumed.cpu",
          "assumed.memory",
          "audit.keep",
          "auth",
          "certificates.life",
          "drain_blocked_after",
          "events_kept",
          "failure_domain",
          "grpc.listen",
          "history.full_for",
          "history.keep",
          "history.max_bytes",
          "http.listen",
          "log.format",
          "log.level",
          "mass_hold",
          "metrics.listen",
          "report_interval",
          "settle.connected",
          "settle.disconnected",
          "state_dir",
          "tls",
          "tls.ca",
          "tls.cert",
          "tls.key",
          "webhooks.[].name",
          "webhooks.[].secret_file",
          "webhooks.[].url",
          "xds.listen",
          "xds.remember"};
}

Config Parse(const std::string& text, const std::string& file) {
  Reader reader(file);
  try {
    const YAML::Node root = YAML::Load(text);
    if (!root.IsNull()) {
      reader.Read(root, "", "");
    }
  } catch (const YAML::Exception& e) {
    reader.Fault(reader.PlaceOf(e.mark), "", absl::StrCat("is not YAML: ", e.msg));
  }
  return reader.Take();
}

}  // namespace drover::controller::raw
