#include "controller/runtime/secret_box.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace drover::controller {
namespace {

constexpr size_t kNonceSize = 12;
constexpr size_t kTagSize = 16;

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* Bytes(std::string& text, size_t offset) {
  return reinterpret_cast<unsigned char*>(text.data()) + offset;
}

absl::Status WriteNewKey(const std::string& path, const std::string& key) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    return absl::UnavailableError(absl::StrCat(path, ": can't make the key: ", strerror(errno)));
  }
  const bool written =
      write(fd, key.data(), key.size()) == static_cast<ssize_t>(key.size()) && fsync(fd) == 0;
  const int error = errno;
  close(fd);
  if (!written) {
    unlink(path.c_str());
    return absl::UnavailableError(absl::StrCat(path, ": can't write the key: ", strerror(error)));
  }
  return absl::OkStatus();
}

}  // namespace

SecretBox::SecretBox(const std::string& key) { std::copy(key.begin(), key.end(), key_.begin()); }

absl::StatusOr<SecretBox> SecretBox::Open(const std::string& path) {
  if (access(path.c_str(), F_OK) != 0) {
    std::string key(kKeySize, '\0');
    DROVER_CHECK(RAND_bytes(Bytes(key, 0), kKeySize) == 1);
    if (const absl::Status status = WriteNewKey(path, key); !status.ok()) {
      return status;
    }
    return SecretBox(key);
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::UnavailableError(absl::StrCat(path, ": can't be read: ", strerror(errno)));
  }
  const std::string key{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (key.size() != kKeySize) {
    return absl::DataLossError(absl::StrCat(path, ": is no key (", key.size(), " bytes, must be ", kKeySize,
                                            "); restore it from a copy, or remove it and apply the stacks "
                                            "that have secrets again"));
  }
  return SecretBox(key);
}

std::string SecretBox::Seal(absl::string_view plain) const {
  if (plain.empty()) {
    return "";
  }
  std::string out(kNonceSize + plain.size() + kTagSize, '\0');
  const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int length = 0;
  DROVER_CHECK(RAND_bytes(Bytes(out, 0), kNonceSize) == 1);
  DROVER_CHECK(EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key_.data(), Bytes(out)) == 1);
  DROVER_CHECK(EVP_EncryptUpdate(cipher.get(), Bytes(out, kNonceSize), &length, Bytes(plain),
                                 static_cast<int>(plain.size())) == 1);
  DROVER_CHECK(EVP_EncryptFinal_ex(cipher.get(), Bytes(out, kNonceSize + plain.size()), &length) == 1);
  DROVER_CHECK(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagSize,
                                   Bytes(out, kNonceSize + plain.size())) == 1);
  return out;
}

absl::StatusOr<std::string> SecretBox::Unseal(absl::string_view sealed) const {
  if (sealed.empty()) {
    return std::string();
  }
  const absl::Status wrong = absl::DataLossError("a secret was encrypted with another key");
  if (sealed.size() < kNonceSize + kTagSize) {
    return wrong;
  }
  const size_t size = sealed.size() - kNonceSize - kTagSize;
  std::string out(size, '\0');
  std::string tag(sealed.substr(kNonceSize + size));
  const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int length = 0;
  DROVER_CHECK(EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key_.data(), Bytes(sealed)) == 1);
  DROVER_CHECK(EVP_DecryptUpdate(cipher.get(), Bytes(out, 0), &length, Bytes(sealed) + kNonceSize,
                                 static_cast<int>(size)) == 1);
  DROVER_CHECK(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagSize, tag.data()) == 1);
  return EVP_DecryptFinal_ex(cipher.get(), Bytes(out, size), &length) == 1 ? absl::StatusOr<std::string>(out)
                                                                           : wrong;
}

}  // namespace drover::controller
