#include "controller/runtime/access/membership.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "pki/certificates.h"
#include "pki/token.h"

namespace drover::controller {
namespace {

bool IsNodeId(const std::string& text) {
  return text.size() == 16 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

absl::Status RemovedError(const NodeId& node) {
  return absl::PermissionDeniedError(absl::StrCat(
      "node ", node.value(),
      " was removed from the cluster; to join again as a new node, start its agent with an empty state_dir "
      "and a new token (--join)"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Membership>> Membership::Open(Options options, const Authority* authority,
                                                             AccessStore* store, Tokens* tokens) {
  std::unique_ptr<Membership> out(new Membership(options, authority, store, tokens));
  ASSIGN_OR_RETURN(std::vector<CertificateRecord> stored, store->Certificates());
  for (CertificateRecord& one : stored) {
    out->certificates_.emplace(one.serial, one);
  }
  return out;
}

const CertificateRecord* Membership::LiveLocked(const NodeId& node, absl::Time wall) const {
  const CertificateRecord* newest = nullptr;
  for (const auto& [serial, one] : certificates_) {
    if (one.node == node && !one.revoked_at && one.not_after > wall &&
        (newest == nullptr || newest->not_after < one.not_after)) {
      newest = &one;
    }
  }
  return newest;
}

bool Membership::IsRevokedLocked(const NodeId& node) const {
  return std::any_of(certificates_.begin(), certificates_.end(), [&](const auto& entry) {
    return entry.second.node == node && entry.second.revoked_at.has_value();
  });
}

absl::StatusOr<CertificateRecord> Membership::RecordOf(const std::string& certificate,
                                                       const NodeId& node) const {
  ASSIGN_OR_RETURN(const pki::CertificateFacts facts, pki::FactsOf(certificate));
  ASSIGN_OR_RETURN(const std::string key, pki::KeyHash(certificate));
  return CertificateRecord{
      .serial = facts.serial, .node = node, .key_hash = key, .not_after = facts.not_after, .revoked_at = {}};
}

absl::Status Membership::AdmitRateLocked(Instant now) {
  if (options_.joins.Admit(now) > absl::ZeroDuration()) {
    return absl::ResourceExhaustedError("too many nodes join at once; try again in a moment");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Membership::Join(const JoinTerms& terms, Instant now, absl::Time wall,
                                             std::string& who) {
  // One at a time: what is looked at here is what is written.
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(AdmitRateLocked(now));
  if (const absl::StatusOr<pki::TokenText> text = pki::ParseToken(terms.token); text.ok()) {
    who = absl::StrCat("token ", text->id);
  }
  if (!IsNodeId(terms.node.value())) {
    return absl::InvalidArgumentError("nodeId: must be 16 hex digits");
  }
  const CertificateRecord* live = LiveLocked(terms.node, wall);
  const absl::StatusOr<std::string> key = pki::KeyHash(terms.csr);
  // The answer to a first request was lost.
  const bool again = live != nullptr && key.ok() && live->key_hash == *key;
  ASSIGN_OR_RETURN(const Grant grant, tokens_->CheckJoin(terms.token, again, wall));
  who = grant.who();
  if (IsRevokedLocked(terms.node)) {
    return RemovedError(terms.node);
  }
  if (live != nullptr && !again) {
    return absl::AlreadyExistsError(absl::StrCat(
        "node ", terms.node.value(), " is in the cluster already, with another key; `drover node rm ",
        terms.node.value(), "` first, or start the agent with an empty state_dir"));
  }
  ASSIGN_OR_RETURN(std::string certificate,
                   authority_->IssueForNode(terms.csr, terms.node, wall, options_.certificate_life));
  ASSIGN_OR_RETURN(CertificateRecord record, RecordOf(certificate, terms.node));
  RETURN_IF_ERROR(tokens_->UseForJoin(grant.id, again, record, wall));
  certificates_[record.serial] = std::move(record);
  return certificate;
}

absl::StatusOr<std::string> Membership::Renew(const NodeId& node, const std::string& csr, absl::Time wall) {
  const std::lock_guard lock(mutex_);
  if (IsRevokedLocked(node)) {
    return RemovedError(node);
  }
  ASSIGN_OR_RETURN(std::string certificate,
                   authority_->IssueForNode(csr, node, wall, options_.certificate_life));
  ASSIGN_OR_RETURN(CertificateRecord record, RecordOf(certificate, node));
  RETURN_IF_ERROR(store_->PutCertificate(record));
  certificates_[record.serial] = std::move(record);
  std::erase_if(certificates_, [&](const auto& entry) { return entry.second.not_after < wall; });
  return certificate;
}

absl::Status Membership::Admit(const std::string& certificate) const {
  ASSIGN_OR_RETURN(const pki::CertificateFacts facts, pki::FactsOf(certificate));
  const std::lock_guard lock(mutex_);
  const auto found = certificates_.find(facts.serial);
  if (found != certificates_.end() && found->second.revoked_at) {
    return RemovedError(found->second.node);
  }
  return absl::OkStatus();
}

absl::Status Membership::Revoke(const NodeId& node, absl::Time wall) {
  {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(store_->RevokeNode(node, wall));
    for (auto& [serial, one] : certificates_) {
      if (one.node == node && !one.revoked_at) {
        one.revoked_at = wall;
      }
    }
  }
  if (cut_) {
    cut_(node);
  }
  return absl::OkStatus();
}

}  // namespace drover::controller
