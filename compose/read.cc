#include "compose/read.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compose/units.h"

namespace drover::compose {
namespace {

const char* KindName(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kScalar:
      return "a single value";
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMap:
      return "a map";
  }
  return "";
}

// Edit distance with neighbours swapped as one edit.
size_t Distance(absl::string_view a, absl::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      d[i][j] =
          std::min({d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1), d[i - 1][j] + 1, d[i][j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

template <typename T>
std::optional<T> Take(const Node& node, absl::StatusOr<T> value, FaultList& faults) {
  if (!value.ok()) {
    faults.Add(node.mark, value.status().message());
    return std::nullopt;
  }
  return *std::move(value);
}

}  // namespace

std::string Nearest(absl::string_view word, const std::vector<absl::string_view>& candidates) {
  absl::string_view best;
  size_t best_distance = (word.size() < 4 ? 1 : std::max<size_t>(2, word.size() / 3)) + 1;
  for (absl::string_view candidate : candidates) {
    const size_t distance = Distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return std::string(best);
}

bool ReadMap(const Node& node, absl::string_view what, const std::vector<Key>& keys, FaultList& faults) {
  if (!node.is_map() && !node.is_null()) {
    faults.Add(node.mark, absl::StrCat(what, " is ", KindName(node), "; write a map of `key: value`"));
    return false;
  }
  for (const Entry& entry : node.entries) {
    auto it = std::find_if(keys.begin(), keys.end(), [&](const Key& key) { return key.name == entry.key; });
    if (it != keys.end()) {
      it->handle(entry);
      continue;
    }
    std::vector<absl::string_view> names;
    for (const Key& key : keys) {
      names.push_back(key.name);
    }
    const bool extension = absl::StartsWith(entry.key, "x-");
    if (extension) {
      std::erase_if(names, [](absl::string_view name) { return !absl::StartsWith(name, "x-"); });
    }
    const std::string near = Nearest(entry.key, names);
    if (extension) {
      if (!near.empty()) {
        faults.Warn(entry.mark, absl::StrCat("\"", entry.key, "\" means nothing to Drover; did you mean \"",
                                             near, "\"?"));
      }
      continue;
    }
    faults.Add(entry.mark,
               absl::StrCat("unknown key \"", entry.key, "\" in ", what, "; ",
                            near.empty() ? "remove it" : absl::StrCat("did you mean \"", near, "\"?")));
  }
  return true;
}

std::optional<std::string> ReadText(const Node& node, FaultList& faults) {
  if (!node.is_scalar()) {
    faults.Add(node.mark, absl::StrCat("here stands ", KindName(node), "; write one text value"));
    return std::nullopt;
  }
  return node.text;
}

std::optional<bool> ReadBool(const Node& node, FaultList& faults) {
  const auto text = ReadText(node, faults);
  if (!text) {
    return std::nullopt;
  }
  const std::string word = absl::AsciiStrToLower(*text);
  if (word == "true" || word == "yes" || word == "on" || word == "y") {
    return true;
  }
  if (word == "false" || word == "no" || word == "off" || word == "n") {
    return false;
  }
  faults.Add(node.mark, absl::StrCat("\"", *text, "\" is neither true nor false; write true or false"));
  return std::nullopt;
}

std::optional<int64_t> ReadInt(const Node& node, int64_t min, int64_t max, FaultList& faults) {
  const auto text = ReadText(node, faults);
  if (!text) {
    return std::nullopt;
  }
  int64_t value = 0;
  if (!absl::SimpleAtoi(*text, &value) || value < min || value > max) {
    faults.Add(node.mark, absl::StrCat("\"", *text, "\" does not fit here; write a whole number from ", min,
                                       " to ", max));
    return std::nullopt;
  }
  return value;
}

std::optional<double> ReadNumber(const Node& node, FaultList& faults) {
  const auto text = ReadText(node, faults);
  return text ? Take(node, ParseNumber(*text), faults) : std::nullopt;
}

std::optional<double> ReadPercent(const Node& node, FaultList& faults) {
  const auto text = ReadText(node, faults);
  return text ? Take(node, ParsePercent(*text), faults) : std::nullopt;
}

std::optional<int64_t> ReadBytes(const Node& node, FaultList& faults) {
  const auto text = ReadText(node, faults);
  return text ? Take(node, ParseBytes(*text), faults) : std::nullopt;
}

std::optional<int64_t> ReadMilliCpu(const Node& node, FaultList& faults) {
  const auto text = ReadText(node, faults);
  return text ? Take(node, ParseMilliCpu(*text), faults) : std::nullopt;
}

std::optional<absl::Duration> ReadDuration(const Node& node, FaultList& faults) {
  const auto text = ReadText(node, faults);
  return text ? Take(node, ParseDuration(*text), faults) : std::nullopt;
}

std::optional<size_t> ReadWord(const Node& node, const std::vector<absl::string_view>& words,
                               FaultList& faults) {
  const auto text = ReadText(node, faults);
  if (!text) {
    return std::nullopt;
  }
  auto it = std::find(words.begin(), words.end(), *text);
  if (it == words.end()) {
    faults.Add(node.mark,
               absl::StrCat("\"", *text, "\" is not known here; write one of ", absl::StrJoin(words, ", ")));
    return std::nullopt;
  }
  return static_cast<size_t>(it - words.begin());
}

std::vector<std::string> ReadTexts(const Node& node, FaultList& faults) {
  std::vector<std::string> texts;
  if (node.is_null()) {
    return texts;
  }
  if (!node.is_list()) {
    if (auto text = ReadText(node, faults)) {
      texts.push_back(*std::move(text));
    }
    return texts;
  }
  for (const Node& item : node.items) {
    if (auto text = ReadText(item, faults)) {
      texts.push_back(*std::move(text));
    }
  }
  return texts;
}

std::vector<KeyValue> ReadKeyValues(const Node& node, FaultList& faults) {
  std::vector<KeyValue> out;
  if (node.is_null()) {
    return out;
  }
  auto put = [&](KeyValue item) {
    auto it =
        std::find_if(out.begin(), out.end(), [&](const KeyValue& other) { return other.key == item.key; });
    if (it == out.end()) {
      out.push_back(std::move(item));
    } else {
      *it = std::move(item);
    }
  };
  if (node.is_map()) {
    for (const Entry& entry : node.entries) {
      if (entry.value.is_null()) {
        put({entry.key, std::nullopt, entry.mark});
      } else if (auto text = ReadText(entry.value, faults)) {
        put({entry.key, std::move(text), entry.mark});
      }
    }
    return out;
  }
  if (!node.is_list()) {
    faults.Add(node.mark,
               absl::StrCat("here stands ", KindName(node), "; write a map or a list of KEY=VALUE"));
    return out;
  }
  for (const Node& item : node.items) {
    const auto text = ReadText(item, faults);
    if (!text) {
      continue;
    }
    const size_t equals = text->find('=');
    if (equals == std::string::npos) {
      put({*text, std::nullopt, item.mark});
    } else {
      put({text->substr(0, equals), text->substr(equals + 1), item.mark});
    }
  }
  return out;
}

std::vector<std::string> ReadCommand(const Node& node, FaultList& faults) {
  if (!node.is_scalar()) {
    return ReadTexts(node, faults);
  }
  return Take(node, SplitWords(node.text), faults).value_or(std::vector<std::string>());
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration out;
  absl::Duration rest;
  out.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  out.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  return out;
}

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

}  // namespace drover::compose
