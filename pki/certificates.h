// Keys, certificate requests and certificates as PEM text: ECDSA on P-256, X.509 v3. OpenSSL does the work;
// its types stay in the source files, but for what pki/openssl.h offers to other sources.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace drover::pki {

// A certificate and its private key.
struct Identity {
  std::string certificate;  // PEM; a chain is allowed, the own one first
  std::string key;          // PEM, not encrypted
};

// What is read from a certificate.
struct CertificateFacts {
  std::string common_name;
  std::string serial;  // hex, lower case
  absl::Time not_before;
  absl::Time not_after;
  std::vector<std::string> names;  // DNS names and addresses that it is for
  bool authority = false;
};

// A new private key, PEM.
std::string MakeKey();
// A request for `key`, signed by it, PEM. InvalidArgument: `key` is no private key.
absl::StatusOr<std::string> MakeRequest(const std::string& key, const std::string& common_name);

// Of the first certificate in `pem`; InvalidArgument when there is none.
absl::StatusOr<CertificateFacts> FactsOf(const std::string& pem);
// SHA-256 of the public key (SubjectPublicKeyInfo) of the first certificate, request or private key in `pem`;
// 64 hex digits. InvalidArgument when there is none.
absl::StatusOr<std::string> KeyHash(const std::string& pem);
// OK: `key` belongs to the first certificate in `certificate`. InvalidArgument otherwise.
absl::Status CheckPair(const Identity& identity);

// A certificate that signs itself and may sign others.
absl::StatusOr<Identity> MakeAuthority(const std::string& common_name, absl::Time now, absl::Duration life);

// What an authority puts into a certificate.
struct CertificateTerms {
  std::string common_name;
  std::vector<std::string> names;  // DNS names and IP addresses, for servers
  std::string uri;                 // a further name; empty: none
  bool server = false;             // for a server; else for a client. Never both.
  absl::Time not_before;
  absl::Time not_after;
};

// A certificate by `authority` for the key of `request` (a request, or a private key, PEM); its serial is
// random. InvalidArgument: the request is not PEM, not signed by its key, or its key is weaker than P-256.
absl::StatusOr<std::string> Issue(const Identity& authority, const std::string& request,
                                  const CertificateTerms& terms);
// The common name that `request` asks for, after a look at its signature. InvalidArgument as Issue.
absl::StatusOr<std::string> NameInRequest(const std::string& request);

// Random bytes from the system as hex digits, two a byte.
std::string RandomHex(size_t bytes);
// SHA-256, hex.
std::string Sha256(const std::string& text);

}  // namespace drover::pki
