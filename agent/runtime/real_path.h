// Where a path of this host leads.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace drover::agent {

// `path`, which is absolute, with every symlink followed, as the kernel would at this moment, also one whose
// end is not there. What does not exist is taken as it is written. Absent: too many symlinks, or one that
// can't be read.
std::optional<std::string> RealPath(absl::string_view path);

}  // namespace drover::agent
