// The controller's state in one SQLite file: WAL, flushed at every commit, one commit per batch of
// the loop (group commit). Rows are (key, drover.v1.Stored… message), so that fields can be added
// without a new schema.
//
//   DIR/state.db      the state; `schema_version`, `cluster_id` and `epoch` in its table `meta`
//   DIR/secrets.key   what secrets in it are encrypted with (secret_box.h)
//   DIR/lock          held by the one controller that uses DIR
//
// Not thread-safe: Open before the loop starts, then the loop's thread only.
#pragma once

#include <memory>
#include <string>

#include "controller/ports/store.h"

namespace drover::controller {

class SqliteStore : public StateStore {
 public:
  // Nothing is touched before Open.
  explicit SqliteStore(std::string directory);
  ~SqliteStore() override;

  // Makes the directory and an empty state when there is none. Further errors than the interface
  // says: AlreadyExists when another controller uses the directory; every message names the file and
  // what to do.
  absl::StatusOr<Opened> Open() override;
  absl::Status Commit(const std::vector<StoreChange>& changes) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace drover::controller
