// OpenSSL's objects with an owner. For source files that hand them to other libraries.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace drover::pki {

struct Free {
  void operator()(BIO* p) const { BIO_free(p); }

  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }

  void operator()(X509* p) const { X509_free(p); }

  void operator()(X509_REQ* p) const { X509_REQ_free(p); }
};

using BioPtr = std::unique_ptr<BIO, Free>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Free>;
using CertificatePtr = std::unique_ptr<X509, Free>;
using RequestPtr = std::unique_ptr<X509_REQ, Free>;

// The first of its kind in `pem`; null: there is none.
KeyPtr ReadKey(const std::string& pem);
CertificatePtr ReadCertificate(const std::string& pem);
RequestPtr ReadRequest(const std::string& pem);

// SHA-256 of the key as SubjectPublicKeyInfo, hex.
std::string HashOfKey(EVP_PKEY* key);

}  // namespace drover::pki
