// The certificate that this controller shows, and its replacement while the process runs: an own one is made
// anew when two thirds of its life are over, files are read again when they have changed.
//
// Thread-safe.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/runtime/access/authority.h"
#include "controller/runtime/tls_files.h"
#include "pki/certificates.h"

namespace drover::controller {

class ServerCertificate {
 public:
  struct Own {
    const Authority* authority = nullptr;  // outlives the certificate
    std::vector<std::string> names;        // that this controller is reached by
    Duration life = absl::Hours(24 * 90);
  };

  // By the authority; kept in DIR/server.pem so that a restart shows the same one.
  static absl::StatusOr<std::unique_ptr<ServerCertificate>> OfAuthority(Own own, absl::Time now);
  // By somebody else. InvalidArgument as ReadTlsFiles.
  static absl::StatusOr<std::unique_ptr<ServerCertificate>> OfFiles(const TlsFiles& files);

  // For gRPC, which reads them by itself; the own one is in these files at all times.
  const TlsFiles& files() const { return files_; }

  // Every handshake of `context` shows the newest. The context must not outlive this.
  void Serve(SSL_CTX* context);

  // Renews or rereads when it is time; errors leave the one in use.
  absl::Status Refresh(absl::Time now);

  ServerCertificate(const ServerCertificate&) = delete;
  ServerCertificate& operator=(const ServerCertificate&) = delete;
  ~ServerCertificate();

 private:
  struct Loaded;

  ServerCertificate();
  static int Choose(SSL* ssl, void* self);
  absl::Status Load(const pki::Identity& identity);
  absl::Status RefreshOwn(absl::Time now);
  bool IsGood(const pki::Identity& identity, absl::Time now) const;

  Own own_;  // authority null: of files
  TlsFiles files_;
  std::mutex mutex_;
  std::shared_ptr<const Loaded> loaded_;
  std::string text_;  // what is loaded, to see a change
};

}  // namespace drover::controller
