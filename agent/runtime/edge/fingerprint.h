// Whether a text or a file is another one than before.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace drover::agent {

// FNV-1a: the same in every process, which std::hash and absl's do not promise.
uint64_t Fingerprint(absl::string_view text);

// Changes when the file at `path` is another one; empty: it cannot be read (see errno).
std::string Stamp(const std::string& path);

}  // namespace drover::agent
