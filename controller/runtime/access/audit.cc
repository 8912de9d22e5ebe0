#include "controller/runtime/access/audit.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "common/utf8.h"
#include "controller/runtime/access/sqlite_file.h"
#include "controller/runtime/logger.h"

namespace drover::controller {
namespace {

constexpr char kAuditSchema[] =
    "CREATE TABLE IF NOT EXISTS audit (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,"
    " denied INTEGER NOT NULL, who TEXT NOT NULL, source TEXT NOT NULL, action TEXT NOT NULL,"
    " subject TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, message TEXT NOT NULL,"
    " outcome TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS audit_denied ON audit (denied, id)";
constexpr size_t kLongestText = 1000;
constexpr uint64_t kPruneEvery = 500;

bool IsDenied(const AuditRecord& record) { return absl::StartsWith(record.outcome, "denied"); }

// What a stranger writes into a request may be anything.
std::string Bounded(std::string text) {
  text = ValidUtf8(std::move(text));
  if (text.size() > kLongestText) {
    text = ValidUtf8(text.substr(0, kLongestText)) + "…";
  }
  return text;
}

}  // namespace

AuditLog::AuditLog(std::string file, Options options, std::unique_ptr<SQLite::Database> database)
    : file_(std::move(file)), options_(options), database_(std::move(database)) {}

AuditLog::~AuditLog() = default;

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(const std::string& file, Options options) {
  ASSIGN_OR_RETURN(std::unique_ptr<SQLite::Database> database, OpenSqlite(file, kAuditSchema));
  return std::unique_ptr<AuditLog>(new AuditLog(file, options, std::move(database)));
}

void AuditLog::Add(AuditRecord record, Instant now) {
  const std::lock_guard lock(mutex_);
  if (IsDenied(record)) {
    if (options_.denied.Admit(now) > absl::ZeroDuration()) {
      ++left_out_;
      return;
    }
    if (const uint64_t left_out = std::exchange(left_out_, 0); left_out > 0) {
      absl::StrAppend(&record.outcome, " (and ", left_out, " denied attempts before it that are not listed)");
    }
  }
  try {
    WriteLocked(record);
    if (++since_prune_ >= kPruneEvery) {
      since_prune_ = 0;
      PruneLocked(record.at);
    }
  } catch (const SQLite::Exception& error) {
    ++lost_;
    Log(LogLevel::kError, "an entry of the audit is lost",
        {{"reason", std::string(SqliteStatus(error, file_).message())},
         {"who", record.who},
         {"action", record.action},
         {"outcome", record.outcome}});
  }
}

void AuditLog::WriteLocked(const AuditRecord& record) {
  SQLite::Statement insert(*database_,
                           "INSERT INTO audit (at, denied, who, source, action, subject, before, after,"
                           " message, outcome) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.bind(1, absl::ToUnixMillis(record.at));
  insert.bind(2, IsDenied(record) ? 1 : 0);
  int at = 3;
  for (const std::string* text : {&record.who, &record.from, &record.action, &record.subject, &record.before,
                                  &record.after, &record.message, &record.outcome}) {
    insert.bind(at++, Bounded(*text));
  }
  insert.exec();
}

void AuditLog::PruneLocked(absl::Time now) {
  SQLite::Statement old(*database_, "DELETE FROM audit WHERE at < ?");
  old.bind(1, absl::ToUnixMillis(now - options_.keep));
  old.exec();
  for (const auto& [denied, most] : {std::pair{0, options_.most_changes}, {1, options_.most_denied}}) {
    SQLite::Statement many(*database_,
                           "DELETE FROM audit WHERE denied = ?1 AND id <= (SELECT id FROM audit WHERE"
                           " denied = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)");
    many.bind(1, denied);
    many.bind(2, static_cast<int64_t>(most));
    many.exec();
  }
}

absl::StatusOr<std::vector<AuditRecord>> AuditLog::Read(const Query& query) const {
  const std::lock_guard lock(mutex_);
  std::vector<AuditRecord> found;
  try {
    SQLite::Statement select(*database_,
                             "SELECT * FROM (SELECT id, at, who, source, action, subject, before, after,"
                             " message, outcome FROM audit WHERE id > ?1 AND at >= ?2 AND"
                             " (?3 = '' OR instr(who, ?3) > 0) ORDER BY id DESC LIMIT ?4) ORDER BY id");
    select.bind(1, static_cast<int64_t>(query.since));
    select.bind(2, query.from == absl::InfinitePast() ? int64_t{0} : absl::ToUnixMillis(query.from));
    select.bind(3, query.who);
    select.bind(4, static_cast<int64_t>(query.limit));
    while (select.executeStep()) {
      AuditRecord record;
      record.id = static_cast<uint64_t>(select.getColumn(0).getInt64());
      record.at = absl::FromUnixMillis(select.getColumn(1).getInt64());
      int at = 2;
      for (std::string* text : {&record.who, &record.from, &record.action, &record.subject, &record.before,
                                &record.after, &record.message, &record.outcome}) {
        *text = select.getColumn(at++).getString();
      }
      found.push_back(std::move(record));
    }
  } catch (const SQLite::Exception& error) {
    return SqliteStatus(error, file_);
  }
  return found;
}

}  // namespace drover::controller
