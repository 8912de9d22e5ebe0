// Joining a cluster: one HTTPS request with a token of role node, to a controller that the token tells from
// anybody else by the hash of the cluster's key. What comes back is kept (membership.h); from then on the
// stream is mutual TLS with no further configuration.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/ids.h"
#include "common/time.h"
#include "pki/token.h"

namespace drover::agent {

// "TOKEN@HOST[:7401]".
struct JoinTarget {
  pki::TokenText token;
  std::string text;  // the token as written
  std::string host;
  int port = 7401;
};

// InvalidArgument, without the token in its message.
absl::StatusOr<JoinTarget> ParseJoin(const std::string& text);

struct JoinOptions {
  std::string state_dir;
  NodeId node;
  std::string name;                       // of the host, for people
  Duration patience = absl::Seconds(60);  // with a controller that does not answer
};

// Nothing is done when the cluster was joined with this token before. Errors: Unavailable (nobody answers),
// PermissionDenied (not the token's cluster, or the controller refuses), FailedPrecondition (another cluster
// was joined before), and those of files.
absl::Status JoinCluster(const JoinTarget& target, const JoinOptions& options);

}  // namespace drover::agent
