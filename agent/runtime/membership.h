// What makes this host a node of a cluster: its certificate, the cluster's authority, where its controllers
// are. Comes by joining (join.h), is renewed over the stream (renewal.h).
//
//   STATE_DIR/tls/identity.pem     private key and certificate, in one file so that they always belong
//                                  together; written last
//   STATE_DIR/tls/ca.pem           the authority
//   STATE_DIR/tls/membership.pb    drover.v1.StoredMembership
//   STATE_DIR/tls/pending.key      of a request to join that was not answered yet
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/config/config.h"

namespace drover::agent {

struct Membership {
  std::vector<std::string> controllers;  // "host:port"
  std::string token_id;                  // that was joined with
  std::string cluster_id;
  TlsFiles files;  // for the stream
};

std::string MembershipDirectory(const std::string& state_dir);

// nullopt: no cluster was joined. DataLoss: the files are damaged.
absl::StatusOr<std::optional<Membership>> LoadMembership(const std::string& state_dir);

// Durable when it returns OK. `identity`: key and certificate; both it and `ca` PEM.
absl::Status StoreMembership(const std::string& state_dir, const Membership& membership,
                             const std::string& identity, const std::string& ca);

// Takes controllers and certificates from the cluster that was joined, where `config` says nothing else.
absl::Status ApplyMembership(Config& config);

// Key for the next identity, PEM; the same until ForgetPendingKey, also after a crash, so that asking again
// is the same question.
absl::StatusOr<std::string> PendingKey(const std::string& state_dir);
void ForgetPendingKey(const std::string& state_dir);

}  // namespace drover::agent
