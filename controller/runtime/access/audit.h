// The audit (R12): every change by a person or by what bears a token, and every attempt that was denied: who,
// from where, what, before and after, why, with which outcome. Kept in STATE_DIR/audit.db, apart from state
// and history, and longer. Strangers can't fill it: denied attempts are written at a bounded rate, the rest
// of them is counted into the next entry, and they have room of their own.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/time.h"
#include "controller/runtime/admission_rate.h"

namespace SQLite {
class Database;
}  // namespace SQLite

namespace drover::controller {

struct AuditRecord {
  uint64_t id = 0;  // given by the log
  absl::Time at;
  std::string who;
  std::string from;
  std::string action;
  std::string subject;
  std::string before;
  std::string after;
  std::string message;
  std::string outcome;  // "done", "refused: …", "failed: …"; "denied: …": no right to it
};

class AuditLog {
 public:
  struct Options {
    Duration keep = absl::Hours(24 * 400);
    uint64_t most_changes = 500'000;
    uint64_t most_denied = 50'000;
    AdmissionRate denied{5, 100};  // written
  };

  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(const std::string& file, Options options);
  ~AuditLog();

  // Durable when it returns. What can't be written is logged and counted; nobody is refused for it.
  void Add(AuditRecord record, Instant now);

  struct Query {
    uint64_t since = 0;  // only with a larger id
    absl::Time from = absl::InfinitePast();
    std::string who;     // only of whom this is part of the name; empty: all
    size_t limit = 100;  // the newest
  };

  // Oldest first.
  absl::StatusOr<std::vector<AuditRecord>> Read(const Query& query) const;

  // Entries that could not be written.
  uint64_t lost() const { return lost_; }

 private:
  AuditLog(std::string file, Options options, std::unique_ptr<SQLite::Database> database);

  void WriteLocked(const AuditRecord& record);
  void PruneLocked(absl::Time now);

  const std::string file_;
  Options options_;
  const std::unique_ptr<SQLite::Database> database_;
  mutable std::mutex mutex_;
  uint64_t left_out_ = 0;  // denied attempts since the last one that was written
  uint64_t since_prune_ = 0;
  std::atomic<uint64_t> lost_ = 0;
};

}  // namespace drover::controller
