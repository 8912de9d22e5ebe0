// Encrypts secrets before they reach the store, with a key in a file of its own, so that neither the
// store nor a copy of it gives them away (R9.2). AES-256-GCM.
#pragma once

#include <array>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace drover::controller {

class SecretBox {
 public:
  // Reads the key from `path`, or makes one (mode 0600) when there is no file. DataLoss when the file
  // is no key; Unavailable when it can't be read or made.
  static absl::StatusOr<SecretBox> Open(const std::string& path);

  // Different bytes at every call. Empty stays empty.
  std::string Seal(absl::string_view plain) const;
  // DataLoss when `sealed` was not sealed with this key.
  absl::StatusOr<std::string> Unseal(absl::string_view sealed) const;

 private:
  static constexpr size_t kKeySize = 32;

  explicit SecretBox(const std::string& key);

  std::array<unsigned char, kKeySize> key_{};
};

}  // namespace drover::controller
