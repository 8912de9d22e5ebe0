// The reader's own YAML tree: ordered maps, text scalars, and the place of everything in its file.
// Types are decided by the schema, not by YAML, because interpolation comes before types and because
// YAML 1.1 would read `22:22` as a number.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "compose/fault.h"

namespace drover::compose {

struct Entry;

struct Node {
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  std::string text;            // kScalar
  std::string tag;             // "!reset", "!override"; empty: none of ours
  std::vector<Node> items;     // kList
  std::vector<Entry> entries;  // kMap, in file order, keys unique
  Mark mark;

  bool is_null() const { return kind == Kind::kNull; }

  bool is_scalar() const { return kind == Kind::kScalar; }

  bool is_list() const { return kind == Kind::kList; }

  bool is_map() const { return kind == Kind::kMap; }

  // The value of `key`, or null when this is no map or has no such key.
  const Node* Find(absl::string_view key) const;
  Node* Find(absl::string_view key);
  // Removes `key` if it is there.
  void Erase(absl::string_view key);
  // Number of nodes in this tree, itself included.
  size_t Count() const;
};

struct Entry {
  std::string key;
  Mark mark;  // of the key
  Node value;
};

// A scalar at `mark`.
Node MakeScalar(const Mark& mark, absl::string_view text);
// An empty map at `mark`.
Node MakeMap(const Mark& mark);

}  // namespace drover::compose
