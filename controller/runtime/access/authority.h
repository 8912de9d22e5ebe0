// The cluster's own certificate authority, made at first start. It signs the certificates of the controller
// and of the nodes, and nothing else.
//
//   DIR/authority.pem   its key and certificate, 0600; whoever has it can make himself a node or controller
//   DIR/ca.pem          its certificate alone, for whoever wants to trust it
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/ids.h"
#include "common/time.h"
#include "pki/certificates.h"

namespace drover::controller {

class Authority {
 public:
  // Reads it, or makes one. DataLoss: the file is not one; else why it can't be read or written.
  static absl::StatusOr<Authority> Open(const std::string& directory, absl::Time now);

  // SHA-256 of the public key, 64 hex digits: what tokens carry.
  const std::string& pin() const { return pin_; }

  // PEM.
  const std::string& certificate() const { return identity_.certificate; }

  std::string certificate_file() const { return directory_ + "/ca.pem"; }

  const std::string& directory() const { return directory_; }

  // For a node: a client's certificate whose common name is the node id. InvalidArgument: the request names
  // another, or is none.
  absl::StatusOr<std::string> IssueForNode(const std::string& request, const NodeId& node, absl::Time now,
                                           Duration life) const;
  // For a controller that is reached by `names` (DNS names and addresses); the authority's own certificate
  // follows in the chain, so that a pinned client finds it.
  absl::StatusOr<pki::Identity> IssueForServer(const std::vector<std::string>& names, absl::Time now,
                                               Duration life) const;

 private:
  Authority(std::string directory, pki::Identity identity, std::string pin)
      : directory_(std::move(directory)), identity_(std::move(identity)), pin_(std::move(pin)) {}

  std::string directory_;
  pki::Identity identity_;
  std::string pin_;
};

}  // namespace drover::controller
