// Reads a YAML map key by key and collects faults instead of stopping at the first: each with its place
// and key path. Asking for a key marks it as known; Finish names the others.
#pragma once

#include <yaml-cpp/yaml.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace drover::agent {

class Faults {
 public:
  explicit Faults(std::string file) : file_(std::move(file)) {}

  // "FILE:LINE:COLUMN: path: text"; without a place when the node has none.
  void Add(const YAML::Node& where, const std::string& path, const std::string& text);
  // OK, or InvalidArgument with one fault a line, in the order of the file; those without a place last.
  absl::Status status() const;

 private:
  std::string file_;
  std::vector<std::pair<int, std::string>> lines_;  // by position in the file
};

class MapReader {
 public:
  // `path` is the key path of `node`; empty at the top. Not a map: a fault, and every key is absent.
  MapReader(YAML::Node node, std::string path, Faults* faults);

  // The value at `key`; an undefined node when absent or null.
  YAML::Node Get(const std::string& key);
  // Reads the value when it is there; a fault that asks for `what` when it is not a scalar.
  void Text(const std::string& key, const std::string& what, std::string* out);
  // As Text, then `parse`, which returns what would be right, or an empty string.
  void Parsed(const std::string& key, const std::string& what,
              const std::function<std::string(const std::string&)>& parse);
  // A map of texts.
  void TextMap(const std::string& key, std::map<std::string, std::string>* out);
  // Unknown keys become faults that list the known ones.
  void Finish();

  std::string PathOf(const std::string& key) const;

 private:
  YAML::Node node_;
  std::string path_;
  Faults* faults_;
  std::set<std::string> known_;
};

}  // namespace drover::agent
