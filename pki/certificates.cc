#include "pki/certificates.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/check.h"
#include "common/status.h"
#include "pki/openssl.h"

namespace drover::pki {
namespace {

constexpr size_t kSerialBytes = 16;
constexpr char kBadName[] = "the common name must be 1 to 64 characters of UTF-8";
constexpr int kLeastStrength = 112;  // bits, as OpenSSL counts: RSA 2048; P-256 has 128

std::string TakeText(const BioPtr& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(size)};
}

BioPtr NewBio() { return BioPtr(BIO_new(BIO_s_mem())); }

BioPtr BioOf(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// A password prompt would hang a daemon.
int NoPassphrase(char*, int, int, void*) { return 0; }

std::string CertificatePem(X509* certificate) {
  const BioPtr bio = NewBio();
  PEM_write_bio_X509(bio.get(), certificate);
  return TakeText(bio);
}

std::string NameText(const X509_NAME* name) {
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0) {
    return "";
  }
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  std::string out = size < 0 ? "" : std::string(reinterpret_cast<char*>(text), static_cast<size_t>(size));
  OPENSSL_free(text);
  return out;
}

// False: it is longer than a common name may be, or no UTF-8.
bool SetName(X509_NAME* name, const std::string& text) {
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(text.data()),
                                    static_cast<int>(text.size()), -1, 0) == 1;
}

absl::Time TimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  ASN1_TIME_to_tm(time, &parts);
  return absl::FromUnixSeconds(timegm(&parts));
}

std::string SerialText(const X509* certificate) {
  BIGNUM* number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr);
  char* hex = BN_bn2hex(number);
  std::string out = absl::AsciiStrToLower(hex);
  OPENSSL_free(hex);
  BN_free(number);
  return out;
}

void SetSerial(X509* certificate) {
  unsigned char bytes[kSerialBytes];
  DROVER_CHECK(RAND_bytes(bytes, sizeof(bytes)) == 1);
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x3f) | 0x40);  // positive, and always as long
  BIGNUM* number = BN_bin2bn(bytes, sizeof(bytes), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  DROVER_CHECK(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

bool IsAddress(const std::string& name) {
  unsigned char buffer[16];
  return inet_pton(AF_INET, name.c_str(), buffer) == 1 || inet_pton(AF_INET6, name.c_str(), buffer) == 1;
}

// Of a name that goes into OpenSSL's own small language.
bool IsPlainName(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_' ||
           c == ':' || c == '*';
  });
}

std::string AlternativeNames(const CertificateTerms& terms) {
  std::vector<std::string> parts;
  for (const std::string& name : terms.names) {
    if (IsPlainName(name)) {
      parts.push_back(absl::StrCat(IsAddress(name) ? "IP:" : "DNS:", name));
    }
  }
  if (IsPlainName(terms.uri)) {
    parts.push_back(absl::StrCat("URI:", terms.uri));
  }
  return absl::StrJoin(parts, ",");
}

// Null: `common_name` can't be one.
CertificatePtr NewCertificate(EVP_PKEY* key, const std::string& common_name, absl::Time from, absl::Time to) {
  CertificatePtr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  SetSerial(certificate.get());
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), absl::ToTimeT(from));
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), absl::ToTimeT(to));
  X509_set_pubkey(certificate.get(), key);
  if (!SetName(X509_get_subject_name(certificate.get()), common_name)) {
    return nullptr;
  }
  return certificate;
}

absl::StatusOr<RequestPtr> CheckedRequest(const std::string& pem) {
  RequestPtr request = ReadRequest(pem);
  if (request == nullptr) {
    return absl::InvalidArgumentError("no certificate request in PEM form");
  }
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || X509_REQ_verify(request.get(), key) != 1) {
    return absl::InvalidArgumentError("the certificate request is not signed by its own key");
  }
  if (EVP_PKEY_get_security_bits(key) < kLeastStrength) {
    return absl::InvalidArgumentError("the certificate request's key is too weak; use ECDSA on P-256");
  }
  return request;
}

// The key to certify: of a checked request, or of a private key.
absl::StatusOr<KeyPtr> KeyToCertify(const std::string& pem) {
  if (KeyPtr key = ReadKey(pem)) {
    return key;
  }
  ASSIGN_OR_RETURN(const RequestPtr request, CheckedRequest(pem));
  return KeyPtr(X509_REQ_get_pubkey(request.get()));
}

void AddNamesOf(X509* certificate, std::vector<std::string>& out) {
  auto* names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_DNS) {
      out.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                       static_cast<size_t>(ASN1_STRING_length(name->d.dNSName)));
    } else if (name->type == GEN_IPADD) {
      char text[INET6_ADDRSTRLEN] = "";
      const bool v4 = ASN1_STRING_length(name->d.iPAddress) == 4;
      inet_ntop(v4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), text, sizeof(text));
      out.emplace_back(text);
    }
  }
  GENERAL_NAMES_free(names);
}

}  // namespace

KeyPtr ReadKey(const std::string& pem) {
  return KeyPtr(PEM_read_bio_PrivateKey(BioOf(pem).get(), nullptr, NoPassphrase, nullptr));
}

CertificatePtr ReadCertificate(const std::string& pem) {
  return CertificatePtr(PEM_read_bio_X509(BioOf(pem).get(), nullptr, nullptr, nullptr));
}

RequestPtr ReadRequest(const std::string& pem) {
  return RequestPtr(PEM_read_bio_X509_REQ(BioOf(pem).get(), nullptr, nullptr, nullptr));
}

std::string HashOfKey(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  std::string hash =
      size <= 0 ? "" : Sha256(std::string(reinterpret_cast<char*>(der), static_cast<size_t>(size)));
  OPENSSL_free(der);
  return hash;
}

std::string MakeKey() {
  const KeyPtr key(EVP_EC_gen("P-256"));
  DROVER_CHECK(key != nullptr);
  const BioPtr bio = NewBio();
  PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return TakeText(bio);
}

absl::StatusOr<std::string> MakeRequest(const std::string& key_pem, const std::string& common_name) {
  const KeyPtr key = ReadKey(key_pem);
  if (key == nullptr) {
    return absl::InvalidArgumentError("no private key in PEM form");
  }
  const RequestPtr request(X509_REQ_new());
  X509_REQ_set_version(request.get(), X509_REQ_VERSION_1);
  X509_REQ_set_pubkey(request.get(), key.get());
  if (!SetName(X509_REQ_get_subject_name(request.get()), common_name)) {
    return absl::InvalidArgumentError(kBadName);
  }
  X509_REQ_sign(request.get(), key.get(), EVP_sha256());
  const BioPtr bio = NewBio();
  PEM_write_bio_X509_REQ(bio.get(), request.get());
  return TakeText(bio);
}

absl::StatusOr<CertificateFacts> FactsOf(const std::string& pem) {
  const CertificatePtr certificate = ReadCertificate(pem);
  if (certificate == nullptr) {
    return absl::InvalidArgumentError("no certificate in PEM form");
  }
  CertificateFacts facts;
  facts.common_name = NameText(X509_get_subject_name(certificate.get()));
  facts.serial = SerialText(certificate.get());
  facts.not_before = TimeOf(X509_get0_notBefore(certificate.get()));
  facts.not_after = TimeOf(X509_get0_notAfter(certificate.get()));
  facts.authority = X509_check_ca(certificate.get()) > 0;
  AddNamesOf(certificate.get(), facts.names);
  return facts;
}

absl::StatusOr<std::string> KeyHash(const std::string& pem) {
  if (const CertificatePtr certificate = ReadCertificate(pem)) {
    return HashOfKey(X509_get0_pubkey(certificate.get()));
  }
  if (const RequestPtr request = ReadRequest(pem)) {
    return HashOfKey(X509_REQ_get0_pubkey(request.get()));
  }
  if (const KeyPtr key = ReadKey(pem)) {
    return HashOfKey(key.get());
  }
  return absl::InvalidArgumentError("no certificate, request or key in PEM form");
}

absl::Status CheckPair(const Identity& identity) {
  const CertificatePtr certificate = ReadCertificate(identity.certificate);
  const KeyPtr key = ReadKey(identity.key);
  if (certificate == nullptr || key == nullptr || X509_check_private_key(certificate.get(), key.get()) != 1) {
    return absl::InvalidArgumentError("the private key does not belong to the certificate");
  }
  return absl::OkStatus();
}

absl::StatusOr<Identity> MakeAuthority(const std::string& common_name, absl::Time now, absl::Duration life) {
  Identity out;
  out.key = MakeKey();
  const KeyPtr key = ReadKey(out.key);
  const CertificatePtr certificate = NewCertificate(key.get(), common_name, now, now + life);
  if (certificate == nullptr) {
    return absl::InvalidArgumentError(kBadName);
  }
  X509* self = certificate.get();
  X509_set_issuer_name(self, X509_get_subject_name(self));
  AddExtension(self, self, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  AddExtension(self, self, NID_key_usage, "critical,keyCertSign,cRLSign");
  AddExtension(self, self, NID_subject_key_identifier, "hash");
  if (X509_sign(self, key.get(), EVP_sha256()) == 0) {
    return absl::InternalError("the authority's certificate can't be signed");
  }
  out.certificate = CertificatePem(self);
  return out;
}

absl::StatusOr<std::string> Issue(const Identity& authority, const std::string& request,
                                  const CertificateTerms& terms) {
  const CertificatePtr issuer = ReadCertificate(authority.certificate);
  const KeyPtr issuer_key = ReadKey(authority.key);
  if (issuer == nullptr || issuer_key == nullptr) {
    return absl::InvalidArgumentError("the authority has no certificate or no key");
  }
  ASSIGN_OR_RETURN(const KeyPtr key, KeyToCertify(request));
  const CertificatePtr certificate =
      NewCertificate(key.get(), terms.common_name, terms.not_before, terms.not_after);
  if (certificate == nullptr) {
    return absl::InvalidArgumentError(kBadName);
  }
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer.get()));
  const auto add = [&](int nid, const std::string& value) {
    AddExtension(certificate.get(), issuer.get(), nid, value);
  };
  add(NID_basic_constraints, "critical,CA:FALSE");
  add(NID_key_usage, "critical,digitalSignature");
  add(NID_ext_key_usage, terms.server ? "serverAuth" : "clientAuth");
  add(NID_authority_key_identifier, "keyid");
  if (const std::string names = AlternativeNames(terms); !names.empty()) {
    add(NID_subject_alt_name, names);
  }
  if (X509_sign(certificate.get(), issuer_key.get(), EVP_sha256()) == 0) {
    return absl::InternalError("the certificate can't be signed");
  }
  return CertificatePem(certificate.get());
}

absl::StatusOr<std::string> NameInRequest(const std::string& request) {
  ASSIGN_OR_RETURN(const RequestPtr checked, CheckedRequest(request));
  return NameText(X509_REQ_get_subject_name(checked.get()));
}

std::string RandomHex(size_t bytes) {
  std::string raw(bytes, '\0');
  DROVER_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(raw.data()), static_cast<int>(bytes)) == 1);
  return absl::BytesToHexString(raw);
}

std::string Sha256(const std::string& text) {
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(hash), SHA256_DIGEST_LENGTH));
}

}  // namespace drover::pki
