// What is durable of tokens and certificates: STATE_DIR/access.db, beside the state store, so that neither
// waits for the other and a copy of the state gives nobody access. Of a token only a hash is kept: SHA-256
// of a secret of 256 random bits, which nobody can guess, so that nothing slower is needed.
//
// Thread-safe. Errors: those of SqliteStatus.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/ids.h"
#include "controller/runtime/access/roles.h"

namespace SQLite {
class Database;
}  // namespace SQLite

namespace drover::controller {

struct TokenRecord {
  std::string id;
  std::string hash;  // of the secret, SHA-256, hex
  std::string name;
  Role role = Role::kViewer;
  std::string stack;      // empty: all
  int64_t uses_left = 0;  // of role kNode
  absl::Time created_at;
  std::optional<absl::Time> expires_at;
  std::optional<absl::Time> used_at;
  std::string created_by;
};

struct CertificateRecord {
  std::string serial;
  NodeId node;
  std::string key_hash;
  absl::Time not_after;
  std::optional<absl::Time> revoked_at;
};

class AccessStore {
 public:
  static absl::StatusOr<std::unique_ptr<AccessStore>> Open(const std::string& file);
  ~AccessStore();

  absl::StatusOr<std::vector<TokenRecord>> Tokens() const;
  absl::StatusOr<std::vector<CertificateRecord>> Certificates() const;

  absl::Status PutToken(const TokenRecord& token);
  absl::Status RemoveToken(const std::string& id);
  // Both or neither.
  absl::Status PutJoin(const TokenRecord& token, const CertificateRecord& certificate);
  absl::Status PutCertificate(const CertificateRecord& certificate);
  // All of the node's.
  absl::Status RevokeNode(const NodeId& node, absl::Time at);
  // What ended before `before`: nobody can use it any more.
  absl::Status DropEnded(absl::Time before);

 private:
  AccessStore(std::string file, std::unique_ptr<SQLite::Database> database);

  const std::string file_;
  mutable std::mutex mutex_;
  const std::unique_ptr<SQLite::Database> database_;
};

}  // namespace drover::controller
