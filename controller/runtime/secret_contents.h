// What secrets hold, by hash, for the way to the agents: assignments name secrets by hash only
// (R1.6), the content goes beside them. Fed by watching what is committed to the store.
//
// Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "controller/ports/store.h"

namespace drover::controller {

class SecretContents {
 public:
  // Content whose SHA-256 is `sha256` (hex); absent: not known.
  std::optional<std::string> Find(const std::string& sha256) const;

  // Takes in the secrets of a stack; those of its earlier revisions stay, running replicas use them.
  void Learn(const StackRecord& record);
  void Forget(const std::string& stack);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::map<std::string, std::string>> by_stack_;  // stack → sha256 → content
};

// Passes everything on to `store` and tells `secrets` what became durable. Neither is owned.
class SecretWatchingStore : public StateStore {
 public:
  SecretWatchingStore(StateStore* store, SecretContents* secrets) : store_(store), secrets_(secrets) {}

  absl::StatusOr<Opened> Open() override;
  absl::Status Commit(const std::vector<StoreChange>& changes) override;

 private:
  StateStore* store_;
  SecretContents* secrets_;
};

}  // namespace drover::controller
