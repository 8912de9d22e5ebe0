// Who is a node of this cluster: joining by token, renewed certificates, removed nodes.
//
// Thread-safe. A certificate is durable in the store before it leaves the process, so that every one that
// exists can be revoked.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/ids.h"
#include "common/time.h"
#include "controller/runtime/access/access_store.h"
#include "controller/runtime/access/authority.h"
#include "controller/runtime/access/tokens.h"
#include "controller/runtime/admission_rate.h"

namespace drover::controller {

class Membership {
 public:
  struct Options {
    Duration certificate_life = absl::Hours(24 * 90);
    AdmissionRate joins{10, 50};  // (R13)
  };

  struct JoinTerms {
    std::string token;
    std::string csr;  // PEM
    NodeId node;
  };

  // All outlive it. Errors: the store's.
  static absl::StatusOr<std::unique_ptr<Membership>> Open(Options options, const Authority* authority,
                                                          AccessStore* store, Tokens* tokens);

  // What the agents' server does when a node is revoked: cut its stream. Set before anything else is called.
  void OnRevoked(std::function<void(const NodeId&)> cut) { cut_ = std::move(cut); }

  const Authority& authority() const { return *authority_; }

  // PEM. A repeated request of the same key is answered without a further use of the token. `who`: the token
  // that was shown. Errors: Unauthenticated, PermissionDenied (the token, or the node was removed),
  // InvalidArgument (the request), AlreadyExists (the id belongs to a node that is in), ResourceExhausted
  // (too many at a time), the store's.
  absl::StatusOr<std::string> Join(const JoinTerms& terms, Instant now, absl::Time wall, std::string& who);

  // For a node whose stream is open. Errors: InvalidArgument, PermissionDenied (revoked), the store's.
  absl::StatusOr<std::string> Renew(const NodeId& node, const std::string& csr, absl::Time wall);

  // May who shows `certificate` (PEM) be served? PermissionDenied: it was revoked.
  absl::Status Admit(const std::string& certificate) const;

  // Nothing of the node's is believed any more, and its stream is cut; its id is not given again. A node that
  // never had a certificate: only the cut.
  absl::Status Revoke(const NodeId& node, absl::Time wall);

 private:
  Membership(Options options, const Authority* authority, AccessStore* store, Tokens* tokens)
      : options_(options), authority_(authority), store_(store), tokens_(tokens) {}

  // Of the node, not revoked, not ended: what says that the id is taken.
  const CertificateRecord* LiveLocked(const NodeId& node, absl::Time wall) const;
  bool IsRevokedLocked(const NodeId& node) const;
  absl::StatusOr<CertificateRecord> RecordOf(const std::string& certificate, const NodeId& node) const;
  absl::Status AdmitRateLocked(Instant now);

  Options options_;
  const Authority* const authority_;
  AccessStore* const store_;
  Tokens* const tokens_;
  std::function<void(const NodeId&)> cut_;
  mutable std::mutex mutex_;
  std::map<std::string, CertificateRecord> certificates_;  // by serial
};

}  // namespace drover::controller
