#include "controller/runtime/agent_admission.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/runtime/loop.h"

namespace drover::controller {

absl::Status AgentAdmission::CheckPeer(const AgentStream& stream, const NodeId& node) const {
  if (!tls_) {
    return absl::OkStatus();
  }
  if (!stream.PeerIs(node)) {
    return absl::PermissionDeniedError(
        absl::StrCat("the agent's certificate is not for node ", node.value(),
                     "; its common name or a subject alternative name must be that id"));
  }
  return membership_ == nullptr ? absl::OkStatus() : membership_->Admit(stream.PeerCertificate());
}

absl::Status AgentAdmission::Admit(const AgentStream& stream, const NodeId& node) const {
  const absl::Status peer = CheckPeer(stream, node);
  if (!peer.ok()) {
    Audit(stream, node, "connect", peer);
  }
  return peer;
}

v1::ControllerMessage AgentAdmission::Renew(const AgentStream& stream, const NodeId& node,
                                            const v1::CertificateRequest& request) const {
  const absl::StatusOr<std::string> certificate =
      membership_ == nullptr || !tls_
          ? absl::FailedPreconditionError("this controller does not sign certificates")
          : membership_->Renew(node, request.csr(), absl::Now());
  Audit(stream, node, "renew", certificate.status());
  v1::ControllerMessage out;
  v1::Certificate& answer = *out.mutable_certificate();
  if (certificate.ok()) {
    answer.set_certificate(*certificate);
    answer.set_ca(membership_->authority().certificate());
  } else {
    answer.set_error(std::string(certificate.status().message()));
  }
  return out;
}

void AgentAdmission::Audit(const AgentStream& stream, const NodeId& node, const std::string& action,
                           const absl::Status& outcome) const {
  if (audit_ == nullptr) {
    return;
  }
  AuditRecord record;
  record.at = absl::Now();
  record.who = absl::StrCat("node ", node.value());
  record.from = stream.peer();
  record.action = action;
  record.subject = record.who;
  record.outcome = outcome.ok() ? "done" : absl::StrCat("denied: ", outcome.message());
  audit_->Add(std::move(record), Now());
}

}  // namespace drover::controller
