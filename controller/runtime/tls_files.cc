#include "controller/runtime/tls_files.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace drover::controller {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

absl::StatusOr<std::string> Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": can't be read: ", strerror(errno)));
  }
  return std::string{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Bio ReadBio(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free};
}

Certificate ParseCertificate(const std::string& pem) {
  return {PEM_read_bio_X509(ReadBio(pem).get(), nullptr, nullptr, nullptr), X509_free};
}

// A password prompt would hang a daemon.
int NoPassword(char*, int, int, void*) { return 0; }

}  // namespace

absl::StatusOr<TlsContents> ReadTlsFiles(const TlsFiles& files) {
  TlsContents out;
  ASSIGN_OR_RETURN(out.certificate, Read(files.certificate));
  ASSIGN_OR_RETURN(out.key, Read(files.key));
  ASSIGN_OR_RETURN(out.ca, Read(files.ca));
  const Certificate certificate = ParseCertificate(out.certificate);
  if (certificate == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(files.certificate, ": no certificate in PEM form"));
  }
  if (ParseCertificate(out.ca) == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(files.ca, ": no certificate in PEM form"));
  }
  const Key key(PEM_read_bio_PrivateKey(ReadBio(out.key).get(), nullptr, NoPassword, nullptr), EVP_PKEY_free);
  if (key == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(files.key, ": no private key in PEM form without password"));
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(files.key, ": does not belong to the certificate in ", files.certificate));
  }
  return out;
}

}  // namespace drover::controller
