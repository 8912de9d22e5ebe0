#include "agent/config/yaml_reader.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace drover::agent {

void Faults::Add(const YAML::Node& where, const std::string& path, const std::string& text) {
  YAML::Mark mark = where.IsDefined() ? where.Mark() : YAML::Mark::null_mark();
  std::string place = mark.is_null() ? "" : absl::StrCat(":", mark.line + 1, ":", mark.column + 1);
  int position = mark.is_null() ? std::numeric_limits<int>::max() : mark.pos;
  lines_.emplace_back(position, absl::StrCat(file_, place, ": ", path, path.empty() ? "" : ": ", text));
}

absl::Status Faults::status() const {
  if (lines_.empty()) {
    return absl::OkStatus();
  }
  std::vector<std::pair<int, std::string>> sorted = lines_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  return absl::InvalidArgumentError(absl::StrJoin(
      sorted, "\n", [](std::string* out, const auto& entry) { absl::StrAppend(out, entry.second); }));
}

MapReader::MapReader(YAML::Node node, std::string path, Faults* faults)
    : node_(node), path_(std::move(path)), faults_(faults) {
  if (node_.IsDefined() && !node_.IsNull() && !node_.IsMap()) {
    faults_->Add(node_, path_, "is not a map; write `key: value` lines");
    node_ = YAML::Node();
  }
}

std::string MapReader::PathOf(const std::string& key) const {
  return path_.empty() ? key : absl::StrCat(path_, ".", key);
}

YAML::Node MapReader::Get(const std::string& key) {
  known_.insert(key);
  const YAML::Node& node = node_;
  if (!node.IsMap() || !node[key].IsDefined() || node[key].IsNull()) {
    return YAML::Node(YAML::NodeType::Undefined);
  }
  return node[key];
}

void MapReader::Text(const std::string& key, const std::string& what, std::string* out) {
  Parsed(key, what, [out](const std::string& text) {
    *out = text;
    return std::string();
  });
}

void MapReader::Parsed(const std::string& key, const std::string& what,
                       const std::function<std::string(const std::string&)>& parse) {
  YAML::Node value = Get(key);
  if (!value.IsDefined()) {
    return;
  }
  if (!value.IsScalar()) {
    faults_->Add(value, PathOf(key), absl::StrCat("is not a single value; write ", what));
    return;
  }
  if (std::string right = parse(value.Scalar()); !right.empty()) {
    faults_->Add(value, PathOf(key), absl::StrCat("\"", value.Scalar(), "\" is not valid; write ", right));
  }
}

void MapReader::TextMap(const std::string& key, std::map<std::string, std::string>* out) {
  YAML::Node value = Get(key);
  if (!value.IsDefined()) {
    return;
  }
  if (!value.IsMap()) {
    faults_->Add(value, PathOf(key), "is not a map; write `name: value` lines");
    return;
  }
  for (const auto& entry : value) {
    if (!entry.second.IsScalar()) {
      faults_->Add(entry.second, absl::StrCat(PathOf(key), ".", entry.first.Scalar()),
                   "is not a single value; write a text");
      continue;
    }
    (*out)[entry.first.Scalar()] = entry.second.Scalar();
  }
}

void MapReader::Finish() {
  if (!node_.IsDefined() || !node_.IsMap()) {
    return;
  }
  for (const auto& entry : node_) {
    if (!known_.contains(entry.first.Scalar())) {
      faults_->Add(entry.first, PathOf(entry.first.Scalar()),
                   absl::StrCat("unknown key; known here: ", absl::StrJoin(known_, ", ")));
    }
  }
}

}  // namespace drover::agent
