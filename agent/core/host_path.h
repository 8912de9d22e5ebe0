// Paths of this host as text, and patterns of them. Pure: where symlinks lead is found out by the runtime
// (runtime/host_policy.h).
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace drover::agent {

// The same path without ".", "..", doubled and trailing slashes; ".." at the top stays there. Absent: it is
// not absolute, or holds a control character.
std::optional<std::string> NormalPath(absl::string_view path);

// `path` is `top` or lies below it. Both are normal.
bool IsWithin(absl::string_view path, absl::string_view top);

// `path`, which is normal, is what `pattern` names, or lies below it, or above it so that it holds it. Within
// a component of the pattern `*` stands for any characters and `?` for one.
bool Meets(absl::string_view path, absl::string_view pattern);

// The whole of `text` is as `pattern`: `*` stands for any characters, `/` among them, and `?` for one.
bool MatchesGlob(absl::string_view text, absl::string_view pattern);

}  // namespace drover::agent
