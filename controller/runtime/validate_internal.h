// What the source files of validate.h share; not for others.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace drover::controller {

using Faults = std::vector<std::string>;

// "FIELD.PATH: what is wrong; what would be right"
inline void Add(Faults& faults, absl::string_view path, absl::string_view text) {
  faults.push_back(absl::StrCat(path, ": ", text));
}

}  // namespace drover::controller
