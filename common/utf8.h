// Text of strangers: what may stand in a protobuf string or in JSON.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace drover {

// Bytes of the UTF-8 character at the start of `text`; 0: it is none (cut off, overlong, surrogate), or
// `text` is empty.
size_t Utf8Length(absl::string_view text);

// Where in `text` the first byte is that belongs to no character; absl::string_view::npos: all do.
size_t FindInvalidUtf8(absl::string_view text);

// `text` with a "?" for each byte that belongs to no character.
std::string ValidUtf8(std::string text);

}  // namespace drover
