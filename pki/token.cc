#include "pki/token.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "pki/certificates.h"

namespace drover::pki {
namespace {

constexpr char kVersion[] = "drv1";
constexpr size_t kIdBytes = 6;
constexpr size_t kSecretBytes = 32;
constexpr size_t kShortestPin = 32;  // hex digits
constexpr size_t kLongestPin = 64;

bool IsHex(const std::string& text, size_t least, size_t most) {
  return text.size() >= least && text.size() <= most &&
         text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

TokenText MakeToken(const std::string& pin) {
  return {.id = RandomHex(kIdBytes), .secret = RandomHex(kSecretBytes), .pin = pin};
}

std::string Format(const TokenText& token) {
  return absl::StrCat(kVersion, ".", token.id, ".", token.secret, token.pin.empty() ? "" : ".", token.pin);
}

absl::StatusOr<TokenText> ParseToken(absl::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(absl::StripAsciiWhitespace(text), '.');
  const bool shaped = (parts.size() == 3 || parts.size() == 4) && parts[0] == kVersion &&
                      IsHex(parts[1], 2 * kIdBytes, 2 * kIdBytes) &&
                      IsHex(parts[2], 2 * kSecretBytes, 2 * kSecretBytes) &&
                      (parts.size() == 3 || IsHex(parts[3], kShortestPin, kLongestPin));
  if (!shaped) {
    return absl::InvalidArgumentError(
        "not a token; one begins with drv1. and comes from `drover token create`");
  }
  return TokenText{.id = parts[1], .secret = parts[2], .pin = parts.size() == 4 ? parts[3] : ""};
}

}  // namespace drover::pki
