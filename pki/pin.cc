#include "pki/pin.h"

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "absl/strings/match.h"
#include "pki/openssl.h"

namespace drover::pki {
namespace {

// The one among what the server sent that the pin is for; null: none.
X509* FindPinned(STACK_OF(X509) * sent, const Pin& pin) {
  for (int i = 0; i < sk_X509_num(sent); ++i) {
    X509* certificate = sk_X509_value(sent, i);
    EVP_PKEY* key = X509_get0_pubkey(certificate);
    if (key != nullptr && absl::StartsWith(HashOfKey(key), pin.hash)) {
      return certificate;
    }
  }
  return nullptr;
}

std::string PemOf(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(size)};
}

int VerifyPinned(X509_STORE_CTX* context, void* argument) {
  Pin& pin = *static_cast<Pin*>(argument);
  pin.refused = true;
  X509* authority = FindPinned(X509_STORE_CTX_get0_untrusted(context), pin);
  if (authority == nullptr) {
    X509_STORE_CTX_set_error(context, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN);
    return 0;
  }
  // In place of the system's authorities; the rest (signature, dates, made for a server) as ever.
  STACK_OF(X509)* trusted = sk_X509_new_null();
  sk_X509_push(trusted, authority);
  X509_STORE_CTX_set0_trusted_stack(context, trusted);
  const int good = X509_verify_cert(context);
  sk_X509_free(trusted);
  if (good == 1) {
    pin.refused = false;
    pin.certificate = PemOf(authority);
  }
  return good;
}

}  // namespace

void TrustPinned(SSL_CTX* context, Pin* pin) {
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context, VerifyPinned, pin);
}

}  // namespace drover::pki
