// The text of a token: drv1.ID.SECRET[.PIN]. The id names it in lists and in the audit; the secret is 256
// random bits; the pin is the SHA-256 of the public key of the cluster's authority, so that whoever holds
// the token can tell the cluster's controllers from anybody else without a file.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace drover::pki {

struct TokenText {
  std::string id;      // 12 hex digits
  std::string secret;  // 64 hex digits
  std::string pin;     // 32 to 64 hex digits; empty: the cluster has no authority of its own

  friend bool operator==(const TokenText&, const TokenText&) = default;
};

// New random id and secret.
TokenText MakeToken(const std::string& pin);
std::string Format(const TokenText& token);
// InvalidArgument, without the text in its message: no token.
absl::StatusOr<TokenText> ParseToken(absl::string_view text);

}  // namespace drover::pki
