#include "common/utf8.h"

namespace drover {

size_t Utf8Length(absl::string_view text) {
  if (text.empty()) {
    return 0;
  }
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) {
    return 1;
  }
  const size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  if (length == 0 || length > text.size()) {
    return 0;
  }
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) {
      return 0;
    }
  }
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool outside = (first == 0xED && byte(1) >= 0xA0) || (first == 0xF4 && byte(1) >= 0x90);
  return overlong || outside ? 0 : length;
}

size_t FindInvalidUtf8(absl::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t length = Utf8Length(text.substr(i));
    if (length == 0) {
      return i;
    }
    i += length;
  }
  return absl::string_view::npos;
}

std::string ValidUtf8(std::string text) {
  for (size_t i = FindInvalidUtf8(text); i < text.size();) {
    const size_t length = Utf8Length(absl::string_view(text).substr(i));
    if (length == 0) {
      text[i] = '?';
    }
    i += length == 0 ? 1 : length;
  }
  return text;
}

}  // namespace drover
