#include "controller/runtime/access/access_store.h"

#include <utility>

#include "common/status.h"
#include "controller/runtime/access/sqlite_file.h"

namespace drover::controller {
namespace {

constexpr char kAccessSchema[] =
    "CREATE TABLE IF NOT EXISTS tokens (id TEXT PRIMARY KEY, hash TEXT NOT NULL, name TEXT NOT NULL,"
    " role TEXT NOT NULL, stack TEXT NOT NULL, uses_left INTEGER NOT NULL, created_at INTEGER NOT NULL,"
    " expires_at INTEGER, used_at INTEGER, created_by TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS certificates (serial TEXT PRIMARY KEY, node TEXT NOT NULL,"
    " key_hash TEXT NOT NULL, not_after INTEGER NOT NULL, revoked_at INTEGER) WITHOUT ROWID;";

void BindTime(SQLite::Statement& statement, int at, const std::optional<absl::Time>& time) {
  if (time) {
    statement.bind(at, absl::ToUnixMillis(*time));
  } else {
    statement.bind(at);
  }
}

std::optional<absl::Time> TimeAt(SQLite::Statement& statement, int at) {
  const SQLite::Column column = statement.getColumn(at);
  return column.isNull() ? std::nullopt : std::optional(absl::FromUnixMillis(column.getInt64()));
}

void PutTokenRow(SQLite::Database& database, const TokenRecord& token) {
  SQLite::Statement put(database,
                        "INSERT OR REPLACE INTO tokens (id, hash, name, role, stack, uses_left, created_at,"
                        " expires_at, used_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  put.bind(1, token.id);
  put.bind(2, token.hash);
  put.bind(3, token.name);
  put.bind(4, NameOf(token.role));
  put.bind(5, token.stack);
  put.bind(6, token.uses_left);
  put.bind(7, absl::ToUnixMillis(token.created_at));
  BindTime(put, 8, token.expires_at);
  BindTime(put, 9, token.used_at);
  put.bind(10, token.created_by);
  put.exec();
}

void PutCertificateRow(SQLite::Database& database, const CertificateRecord& certificate) {
  SQLite::Statement put(database,
                        "INSERT OR REPLACE INTO certificates (serial, node, key_hash, not_after, revoked_at)"
                        " VALUES (?, ?, ?, ?, ?)");
  put.bind(1, certificate.serial);
  put.bind(2, certificate.node.value());
  put.bind(3, certificate.key_hash);
  put.bind(4, absl::ToUnixMillis(certificate.not_after));
  BindTime(put, 5, certificate.revoked_at);
  put.exec();
}

absl::StatusOr<TokenRecord> TokenOf(SQLite::Statement& row, const std::string& file) {
  TokenRecord token;
  token.id = row.getColumn(0).getString();
  token.hash = row.getColumn(1).getString();
  token.name = row.getColumn(2).getString();
  const std::optional<Role> role = RoleOf(row.getColumn(3).getString());
  if (!role) {
    return absl::DataLossError(file + ": token " + token.id + " has a role that no version wrote");
  }
  token.role = *role;
  token.stack = row.getColumn(4).getString();
  token.uses_left = row.getColumn(5).getInt64();
  token.created_at = absl::FromUnixMillis(row.getColumn(6).getInt64());
  token.expires_at = TimeAt(row, 7);
  token.used_at = TimeAt(row, 8);
  token.created_by = row.getColumn(9).getString();
  return token;
}

// Runs `write`, which may throw, as one transaction.
template <typename Write>
absl::Status InTransaction(SQLite::Database& database, const std::string& file, const Write& write) {
  try {
    SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
    write();
    transaction.commit();
    return absl::OkStatus();
  } catch (const SQLite::Exception& error) {
    return SqliteStatus(error, file);
  }
}

}  // namespace

AccessStore::AccessStore(std::string file, std::unique_ptr<SQLite::Database> database)
    : file_(std::move(file)), database_(std::move(database)) {}

AccessStore::~AccessStore() = default;

absl::StatusOr<std::unique_ptr<AccessStore>> AccessStore::Open(const std::string& file) {
  ASSIGN_OR_RETURN(std::unique_ptr<SQLite::Database> database, OpenSqlite(file, kAccessSchema));
  return std::unique_ptr<AccessStore>(new AccessStore(file, std::move(database)));
}

absl::StatusOr<std::vector<TokenRecord>> AccessStore::Tokens() const {
  const std::lock_guard lock(mutex_);
  std::vector<TokenRecord> tokens;
  try {
    SQLite::Statement select(*database_,
                             "SELECT id, hash, name, role, stack, uses_left, created_at, expires_at, used_at,"
                             " created_by FROM tokens ORDER BY id");
    while (select.executeStep()) {
      ASSIGN_OR_RETURN(TokenRecord token, TokenOf(select, file_));
      tokens.push_back(std::move(token));
    }
  } catch (const SQLite::Exception& error) {
    return SqliteStatus(error, file_);
  }
  return tokens;
}

absl::StatusOr<std::vector<CertificateRecord>> AccessStore::Certificates() const {
  const std::lock_guard lock(mutex_);
  std::vector<CertificateRecord> certificates;
  try {
    SQLite::Statement select(*database_,
                             "SELECT serial, node, key_hash, not_after, revoked_at FROM certificates");
    while (select.executeStep()) {
      certificates.push_back({.serial = select.getColumn(0).getString(),
                              .node = NodeId(select.getColumn(1).getString()),
                              .key_hash = select.getColumn(2).getString(),
                              .not_after = absl::FromUnixMillis(select.getColumn(3).getInt64()),
                              .revoked_at = TimeAt(select, 4)});
    }
  } catch (const SQLite::Exception& error) {
    return SqliteStatus(error, file_);
  }
  return certificates;
}

absl::Status AccessStore::PutToken(const TokenRecord& token) {
  const std::lock_guard lock(mutex_);
  return InTransaction(*database_, file_, [&] { PutTokenRow(*database_, token); });
}

absl::Status AccessStore::RemoveToken(const std::string& id) {
  const std::lock_guard lock(mutex_);
  return InTransaction(*database_, file_, [&] {
    SQLite::Statement remove(*database_, "DELETE FROM tokens WHERE id = ?");
    remove.bind(1, id);
    remove.exec();
  });
}

absl::Status AccessStore::PutJoin(const TokenRecord& token, const CertificateRecord& certificate) {
  const std::lock_guard lock(mutex_);
  return InTransaction(*database_, file_, [&] {
    PutTokenRow(*database_, token);
    PutCertificateRow(*database_, certificate);
  });
}

absl::Status AccessStore::PutCertificate(const CertificateRecord& certificate) {
  const std::lock_guard lock(mutex_);
  return InTransaction(*database_, file_, [&] { PutCertificateRow(*database_, certificate); });
}

absl::Status AccessStore::RevokeNode(const NodeId& node, absl::Time at) {
  const std::lock_guard lock(mutex_);
  return InTransaction(*database_, file_, [&] {
    SQLite::Statement revoke(*database_,
                             "UPDATE certificates SET revoked_at = ? WHERE node = ? AND revoked_at IS NULL");
    revoke.bind(1, absl::ToUnixMillis(at));
    revoke.bind(2, node.value());
    revoke.exec();
  });
}

absl::Status AccessStore::DropEnded(absl::Time before) {
  const std::lock_guard lock(mutex_);
  return InTransaction(*database_, file_, [&] {
    for (const char* sql :
         {"DELETE FROM certificates WHERE not_after < ?", "DELETE FROM tokens WHERE expires_at < ?"}) {
      SQLite::Statement drop(*database_, sql);
      drop.bind(1, absl::ToUnixMillis(before));
      drop.exec();
    }
  });
}

}  // namespace drover::controller
