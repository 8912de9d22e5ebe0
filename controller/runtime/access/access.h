// Everything of access together, in the folder of the state:
//
//   STATE_DIR/ca/           the cluster's own authority and this controller's certificate
//   STATE_DIR/access.db     tokens and certificates
//   STATE_DIR/audit.db      the audit
//   STATE_DIR/admin.token   a first token of role admin, 0600; made where callers need one and it is absent
//
// Its one thread renews this controller's certificate.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/time.h"
#include "controller/runtime/access/access_store.h"
#include "controller/runtime/access/audit.h"
#include "controller/runtime/access/authority.h"
#include "controller/runtime/access/membership.h"
#include "controller/runtime/access/server_certificate.h"
#include "controller/runtime/access/tokens.h"
#include "controller/runtime/tls_files.h"

namespace drover::controller {

class AccessControl {
 public:
  struct Options {
    std::string state_dir;
    bool own_authority = false;  // certificates are made here; else by `files`, or there are none
    std::optional<TlsFiles> files;
    std::vector<std::string> names;  // of this controller, besides those that the host itself knows
    Duration certificate_life = absl::Hours(24 * 90);
    Duration audit_keep = absl::Hours(24 * 400);
    bool tokens_needed = false;  // by some listener: then there is a first token
  };

  // Errors: those of Authority, ReadTlsFiles and the SQLite files, each with the place.
  static absl::StatusOr<std::unique_ptr<AccessControl>> Open(Options options);
  ~AccessControl();
  AccessControl(const AccessControl&) = delete;
  AccessControl& operator=(const AccessControl&) = delete;

  Tokens& tokens() { return *tokens_; }

  AuditLog& audit() { return *audit_; }

  // Null: there is no own authority, nodes do not join by token.
  Membership* membership() { return membership_.get(); }

  // Null: no TLS.
  ServerCertificate* certificate() { return certificate_.get(); }

 private:
  explicit AccessControl(Options options) : options_(std::move(options)) {}

  absl::Status OpenAll();
  absl::Status MakeFirstToken();
  void KeepCertificate();

  const Options options_;
  std::optional<Authority> authority_;
  std::unique_ptr<AccessStore> store_;
  std::unique_ptr<Tokens> tokens_;
  std::unique_ptr<Membership> membership_;
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<ServerCertificate> certificate_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace drover::controller
