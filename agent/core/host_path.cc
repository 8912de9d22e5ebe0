#include "agent/core/host_path.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace drover::agent {
namespace {

std::vector<absl::string_view> ComponentsOf(absl::string_view path) {
  return absl::StrSplit(path, '/', absl::SkipEmpty());
}

}  // namespace

std::optional<std::string> NormalPath(absl::string_view path) {
  const bool printable = std::none_of(
      path.begin(), path.end(), [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); });
  if (!absl::StartsWith(path, "/") || !printable) {
    return std::nullopt;
  }
  std::vector<absl::string_view> kept;
  for (const absl::string_view component : ComponentsOf(path)) {
    if (component == "..") {
      if (!kept.empty()) {
        kept.pop_back();
      }
    } else if (component != ".") {
      kept.push_back(component);
    }
  }
  return absl::StrCat("/", absl::StrJoin(kept, "/"));
}

bool IsWithin(absl::string_view path, absl::string_view top) {
  if (top == "/") {
    return absl::StartsWith(path, "/");
  }
  return absl::ConsumePrefix(&path, top) && (path.empty() || path.front() == '/');
}

bool Meets(absl::string_view path, absl::string_view pattern) {
  const std::vector<absl::string_view> ours = ComponentsOf(path);
  const std::vector<absl::string_view> theirs = ComponentsOf(pattern);
  const size_t common = std::min(ours.size(), theirs.size());
  for (size_t i = 0; i < common; ++i) {
    if (!MatchesGlob(ours[i], theirs[i])) {
      return false;
    }
  }
  return true;
}

bool MatchesGlob(absl::string_view text, absl::string_view pattern) {
  size_t at = 0;
  size_t in_pattern = 0;
  // Where the newest `*` stands, and up to where in the text it reaches: what fails later lets it reach
  // further.
  size_t star = absl::string_view::npos;
  size_t reach = 0;
  while (at < text.size()) {
    if (in_pattern < pattern.size() && pattern[in_pattern] == '*') {
      star = in_pattern++;
      reach = at;
    } else if (in_pattern < pattern.size() &&
               (pattern[in_pattern] == '?' || pattern[in_pattern] == text[at])) {
      ++in_pattern;
      ++at;
    } else if (star != absl::string_view::npos) {
      in_pattern = star + 1;
      at = ++reach;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', in_pattern) == absl::string_view::npos;
}

}  // namespace drover::agent
