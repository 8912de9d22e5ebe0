#include "compose/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"

namespace drover::compose {
namespace {

constexpr size_t kMaxNodes = 1'000'000;

// Builds one tree from the parser's events.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::shared_ptr<const Source> source, FaultList& faults)
      : source_(std::move(source)), faults_(faults) {}

  bool has_document() const { return started_ && !broken_; }

  Node TakeRoot() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    started_ = true;
    root_.mark = At(mark);
  }

  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node;
    node.mark = At(mark);
    Finish(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto it = anchors_.find(anchor);
    if (it == anchors_.end()) {
      faults_.Add(At(mark),
                  "this alias refers to the node that it stands in; an anchor must end before it is "
                  "used");
      broken_ = true;
      OnNull(mark, 0);
      return;
    }
    count_ += it->second.Count();
    if (count_ > kMaxNodes) {
      throw YAML::ParserException(mark, "the aliases of this file expand to more than a million values");
    }
    Finish(it->second, 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    RequireUtf8(value, At(mark), faults_);
    Node node = MakeScalar(At(mark), value);
    node.tag = OwnTag(tag);
    if (tag == "?" && value == "<<") {
      node.tag = "<<";
    }
    Finish(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    Open(mark, tag, anchor, Node::Kind::kList);
  }

  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    Open(mark, tag, anchor, Node::Kind::kMap);
  }

  void OnMapEnd() override {
    ApplyMerges(open_.back());
    Close();
  }

 private:
  struct Level {
    Node node;
    YAML::anchor_t anchor = 0;
    std::optional<Entry> key;  // of a map, waiting for its value
    std::vector<Node> merges;  // values of `<<`
  };

  Mark At(const YAML::Mark& mark) const {
    return {.source = source_, .line = mark.line + 1, .column = mark.column + 1};
  }

  static std::string OwnTag(const std::string& tag) {
    return tag == "!reset" || tag == "!override" ? tag : std::string();
  }

  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node::Kind kind) {
    Level level;
    level.node.kind = kind;
    level.node.tag = OwnTag(tag);
    level.node.mark = At(mark);
    level.anchor = anchor;
    open_.push_back(std::move(level));
  }

  void Close() {
    Level level = std::move(open_.back());
    open_.pop_back();
    Finish(std::move(level.node), level.anchor);
  }

  void Finish(Node node, YAML::anchor_t anchor) {
    ++count_;
    if (anchor != 0) {
      anchors_[anchor] = node;
    }
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Level& level = open_.back();
    if (level.node.is_list()) {
      level.node.items.push_back(std::move(node));
    } else if (!level.key) {
      TakeKey(level, std::move(node));
    } else {
      TakeValue(level, std::move(node));
    }
  }

  void TakeKey(Level& level, Node node) {
    if (!node.is_scalar()) {
      faults_.Add(node.mark, "a key must be text; write `key: value`");
      broken_ = true;
    }
    level.key = Entry{.key = node.text, .mark = node.mark, .value = {}};
    level.key->value.tag = node.tag;
  }

  void TakeValue(Level& level, Node node) {
    Entry entry = *std::move(level.key);
    level.key.reset();
    if (entry.value.tag == "<<") {
      level.merges.push_back(std::move(node));
      return;
    }
    if (const Node* first = level.node.Find(entry.key)) {
      faults_.Add(entry.mark, absl::StrCat("key \"", entry.key, "\" is written twice, first in line ",
                                           first->mark.line, "; keep one of them"));
      return;
    }
    entry.value = std::move(node);
    level.node.entries.push_back(std::move(entry));
  }

  // Explicit keys win over merged ones, the first of a list wins over the next; shallow.
  void ApplyMerges(Level& level) {
    for (Node& merge : level.merges) {
      std::vector<Node> maps;
      if (merge.is_list()) {
        maps = std::move(merge.items);
      } else {
        maps.push_back(std::move(merge));
      }
      for (Node& map : maps) {
        if (!map.is_map()) {
          faults_.Add(map.mark, "`<<` takes a map or a list of maps; write `<<: *anchor` of a map");
          continue;
        }
        for (Entry& entry : map.entries) {
          if (level.node.Find(entry.key) == nullptr) {
            level.node.entries.push_back(std::move(entry));
          }
        }
      }
    }
  }

  std::shared_ptr<const Source> source_;
  FaultList& faults_;
  std::vector<Level> open_;
  std::map<YAML::anchor_t, Node> anchors_;
  Node root_;
  size_t count_ = 0;
  bool started_ = false;
  bool broken_ = false;
};

}  // namespace

std::vector<Node> ParseYaml(const std::string& text, const std::shared_ptr<const Source>& source,
                            FaultList& faults) {
  std::vector<Node> documents;
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    // Some broken texts make the parser find documents without end.
    for (size_t most = text.size() + 1; true; --most) {
      TreeBuilder builder(source, faults);
      if (!parser.HandleNextDocument(builder)) {
        break;
      }
      if (most == 0) {
        throw YAML::ParserException(YAML::Mark(), "it has more documents than characters");
      }
      if (builder.has_document()) {
        documents.push_back(builder.TakeRoot());
      }
    }
  } catch (const YAML::Exception& e) {
    const Mark mark{.source = source, .line = e.mark.line + 1, .column = e.mark.column + 1};
    faults.Add(mark, absl::StrCat("this is not YAML: ", e.msg));
  }
  return documents;
}

}  // namespace drover::compose
