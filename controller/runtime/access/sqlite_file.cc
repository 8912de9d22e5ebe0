#include "controller/runtime/access/sqlite_file.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace drover::controller {

absl::Status SqliteStatus(const SQLite::Exception& error, const std::string& file) {
  const std::string what = absl::StrCat(file, ": ", error.what());
  switch (error.getErrorCode()) {
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(absl::StrCat(what, "; make room on that disk"));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(absl::StrCat(what, "; the file is damaged: put a copy of it back"));
    default:
      return absl::UnavailableError(what);
  }
}

absl::StatusOr<std::unique_ptr<SQLite::Database>> OpenSqlite(const std::string& file,
                                                             const std::string& schema) {
  // Made here, because SQLite would make it readable for everyone.
  if (const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); fd >= 0) {
    close(fd);
  }
  try {
    auto database =
        std::make_unique<SQLite::Database>(file, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 5000);
    // Exclusive: without shared memory a full disk can not become SIGBUS.
    database->exec("PRAGMA locking_mode=EXCLUSIVE");
    database->exec("PRAGMA journal_mode=WAL");
    database->exec("PRAGMA synchronous=FULL");
    database->exec("PRAGMA journal_size_limit=16777216");
    database->exec(schema);
    return database;
  } catch (const SQLite::Exception& error) {
    return SqliteStatus(error, file);
  }
}

}  // namespace drover::controller
