// The tokens: who bears one may do what its role allows. They are held in memory, so that a store that can't
// be written locks nobody out; what changes them is durable before it counts.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/time.h"
#include "controller/runtime/access/access_store.h"
#include "controller/runtime/access/roles.h"

namespace drover::controller {

// What a token gives.
struct Grant {
  std::string id;
  std::string name;
  Role role = Role::kViewer;
  std::string stack;  // empty: all

  // "ci (0123456789ab)", for people.
  std::string who() const;
};

class Tokens {
 public:
  struct Terms {
    std::string name;
    Role role = Role::kViewer;
    std::string stack;
    int64_t uses = 1;             // of role kNode
    std::optional<Duration> ttl;  // absent: 24 h for kNode, for ever for the others
    std::string created_by;
  };

  struct Created {
    TokenRecord record;
    std::string text;  // the token itself; not kept
  };

  // `pin` goes into the text of new tokens; empty: none. The store outlives the tokens.
  static absl::StatusOr<std::unique_ptr<Tokens>> Open(AccessStore* store, std::string pin, absl::Time now);

  // InvalidArgument: terms that make no sense. Else the store's errors.
  absl::StatusOr<Created> Create(const Terms& terms, absl::Time now);
  // By id.
  std::vector<TokenRecord> List() const;
  // NotFound.
  absl::Status Remove(const std::string& id);

  // Whose `text` is. Unauthenticated with the reason: no token, not known, its time is over. A token for
  // nodes is a grant too.
  absl::StatusOr<Grant> Authenticate(absl::string_view text, absl::Time now);

  // A token of role kNode that has a use left, or `again`, with which one was taken before. Unauthenticated
  // or PermissionDenied otherwise. Then `certificate` and the use become durable together.
  absl::StatusOr<Grant> CheckJoin(absl::string_view text, bool again, absl::Time now) const;
  absl::Status UseForJoin(const std::string& id, bool again, const CertificateRecord& certificate,
                          absl::Time now);

 private:
  Tokens(AccessStore* store, std::string pin) : store_(store), pin_(std::move(pin)) {}

  absl::StatusOr<const TokenRecord*> FindLocked(absl::string_view text, absl::Time now) const;

  AccessStore* const store_;
  const std::string pin_;
  mutable std::mutex mutex_;
  std::map<std::string, TokenRecord> tokens_;
};

}  // namespace drover::controller
