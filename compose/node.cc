#include "compose/node.h"

#include <algorithm>

namespace drover::compose {

const Node* Node::Find(absl::string_view key) const {
  if (!is_map()) {
    return nullptr;
  }
  auto it =
      std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.key == key; });
  return it == entries.end() ? nullptr : &it->value;
}

Node* Node::Find(absl::string_view key) {
  return const_cast<Node*>(static_cast<const Node*>(this)->Find(key));
}

void Node::Erase(absl::string_view key) {
  std::erase_if(entries, [&](const Entry& entry) { return entry.key == key; });
}

size_t Node::Count() const {
  size_t count = 1;
  for (const Node& item : items) {
    count += item.Count();
  }
  for (const Entry& entry : entries) {
    count += entry.value.Count();
  }
  return count;
}

Node MakeScalar(const Mark& mark, absl::string_view text) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.text = std::string(text);
  node.mark = mark;
  return node;
}

Node MakeMap(const Mark& mark) {
  Node node;
  node.kind = Node::Kind::kMap;
  node.mark = mark;
  return node;
}

}  // namespace drover::compose
