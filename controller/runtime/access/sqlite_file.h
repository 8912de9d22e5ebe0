// An SQLite file of the access part: made 0600, WAL, flushed at every commit, its own thread's or under its
// owner's lock.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace drover::controller {

// Opens or makes `file` and runs `schema` on it. The errors of SqliteStatus.
absl::StatusOr<std::unique_ptr<SQLite::Database>> OpenSqlite(const std::string& file,
                                                             const std::string& schema);

// ResourceExhausted (disk full), DataLoss (damaged), else Unavailable; each with the file.
absl::Status SqliteStatus(const SQLite::Exception& error, const std::string& file);

}  // namespace drover::controller
