// Which agents may have a stream, by the certificates that they show; renewal of those that we signed.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "controller/runtime/access/audit.h"
#include "controller/runtime/access/membership.h"
#include "controller/runtime/agent_stream.h"

namespace drover::controller {

class AgentAdmission {
 public:
  // `tls`: certificates are shown at all. Null: certificates come from elsewhere; nothing is audited.
  AgentAdmission(bool tls, Membership* membership, AuditLog* audit)
      : tls_(tls), membership_(membership), audit_(audit) {}

  // PermissionDenied, which is in the audit: the certificate names another node, or was revoked.
  absl::Status Admit(const AgentStream& stream, const NodeId& node) const;

  // The answer to `request` by `node`, whose stream it is; also in the audit.
  v1::ControllerMessage Renew(const AgentStream& stream, const NodeId& node,
                              const v1::CertificateRequest& request) const;

 private:
  absl::Status CheckPeer(const AgentStream& stream, const NodeId& node) const;
  void Audit(const AgentStream& stream, const NodeId& node, const std::string& action,
             const absl::Status& outcome) const;

  const bool tls_;
  Membership* const membership_;
  AuditLog* const audit_;
};

}  // namespace drover::controller
