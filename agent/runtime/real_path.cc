#include "agent/runtime/real_path.h"

#include <limits.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <deque>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace drover::agent {
namespace {

constexpr int kMostLinks = 40;  // as the kernel

void DropLast(std::string& path) {
  const size_t slash = path.rfind('/');
  path.resize(slash == std::string::npos ? 0 : slash);
}

}  // namespace

std::optional<std::string> RealPath(absl::string_view path) {
  std::deque<std::string> left = absl::StrSplit(path, '/', absl::SkipEmpty());
  std::string real;  // without a slash at its end, so empty for the top
  int links = 0;
  while (!left.empty()) {
    const std::string part = left.front();
    left.pop_front();
    if (part == ".") {
      continue;
    }
    if (part == "..") {
      DropLast(real);
      continue;
    }
    const std::string next = absl::StrCat(real, "/", part);
    std::array<char, PATH_MAX> target;
    const ssize_t size = readlink(next.c_str(), target.data(), target.size());
    if (size < 0) {
      if (errno != EINVAL && errno != ENOENT && errno != ENOTDIR) {
        return std::nullopt;
      }
      real = next;  // no symlink, or nothing
      continue;
    }
    if (static_cast<size_t>(size) == target.size() || ++links > kMostLinks) {
      return std::nullopt;
    }
    const absl::string_view to(target.data(), static_cast<size_t>(size));
    if (absl::StartsWith(to, "/")) {
      real.clear();
    }
    const std::deque<std::string> parts = absl::StrSplit(to, '/', absl::SkipEmpty());
    left.insert(left.begin(), parts.begin(), parts.end());
  }
  return real.empty() ? "/" : real;
}

}  // namespace drover::agent
