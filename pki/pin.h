// A TLS client that knows the cluster by the hash of its authority's key: it believes a server whose
// certificate was signed, for servers, by an authority with that key, sent along by the server. Host names
// are not compared: any server that this authority made one is the cluster's.
#pragma once

#include <openssl/ssl.h>

#include <string>

namespace drover::pki {

// The name that every controller's own certificate has besides those of its host.
inline constexpr char kServerName[] = "drover-controller";

struct Pin {
  std::string hash;         // 32 to 64 hex digits: the beginning of KeyHash of the authority
  bool refused = false;     // set: the last server was not of the cluster
  std::string certificate;  // of the authority, PEM; set by a handshake that succeeded
};

// From now on handshakes of `context` fail unless the server is of the cluster. `pin` outlives the context.
void TrustPinned(SSL_CTX* context, Pin* pin);

}  // namespace drover::pki
