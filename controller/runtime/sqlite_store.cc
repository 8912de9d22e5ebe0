#include "controller/runtime/sqlite_store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <type_traits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "controller/runtime/convert.h"
#include "controller/runtime/secret_box.h"

namespace drover::controller {
namespace {

constexpr uint64_t kSchemaVersion = 1;
constexpr const char* kTables[] = {"stacks", "services", "replicas", "nodes", "cluster"};

absl::Status FromSqlite(const SQLite::Exception& e, const std::string& file) {
  const std::string what = absl::StrCat(file, ": ", e.what());
  switch (e.getErrorCode()) {
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(absl::StrCat(what, "; make room on that disk"));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(absl::StrCat(
          what,
          "; the file is damaged: stop the controller and put a copy of it back, or move it away to start "
          "empty (nothing that runs is stopped by that)"));
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
      return absl::UnavailableError(
          absl::StrCat(what, "; the controller's user must be able to write the file and its directory"));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(absl::StrCat(what, "; another program has the file open"));
    default:
      return absl::UnavailableError(what);
  }
}

uint64_t RandomBits() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

void SetFileContents(v1::StackSpec& spec, const std::function<std::string(const std::string&)>& change) {
  for (v1::FileSpec& file : *spec.mutable_files()) {
    if (file.secret()) {
      file.set_content(change(file.content()));
    }
  }
}

struct Row {
  const char* table;
  std::string key;
  std::optional<std::string> record;  // absent: delete
};

}  // namespace

class SqliteStore::Impl {
 public:
  explicit Impl(std::string directory)
      : directory_(std::move(directory)), file_(absl::StrCat(directory_, "/state.db")) {}

  ~Impl() {
    statements_.clear();
    database_.reset();
    if (lock_ >= 0) {
      close(lock_);
    }
  }

  absl::StatusOr<Opened> Open() {
    RETURN_IF_ERROR(LockDirectory());
    ASSIGN_OR_RETURN(SecretBox box, SecretBox::Open(absl::StrCat(directory_, "/secrets.key")));
    box_ = box;
    try {
      OpenDatabase();
      RETURN_IF_ERROR(CheckIntegrity());
      RETURN_IF_ERROR(Migrate());
      Opened opened;
      opened.epoch = RaiseEpoch();
      opened.state.cluster = ClusterId(Meta("cluster_id").value_or(""));
      RETURN_IF_ERROR(Load(opened.state));
      return opened;
    } catch (const SQLite::Exception& e) {
      return FromSqlite(e, file_);
    }
  }

  absl::Status Commit(const std::vector<StoreChange>& changes) {
    try {
      SQLite::Transaction transaction(*database_, SQLite::TransactionBehavior::IMMEDIATE);
      for (const StoreChange& change : changes) {
        Write(std::visit([this](const auto& c) { return ToRow(c); }, change));
      }
      transaction.commit();
      return absl::OkStatus();
    } catch (const SQLite::Exception& e) {
      return FromSqlite(e, file_);
    }
  }

 private:
  absl::Status LockDirectory() {
    std::error_code error;
    std::filesystem::create_directories(directory_, error);
    if (error) {
      return absl::UnavailableError(absl::StrCat(directory_, ": can't be made: ", error.message(),
                                                 "; give a state_dir that the controller may write"));
    }
    const std::string path = absl::StrCat(directory_, "/lock");
    lock_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock_ < 0) {
      return absl::UnavailableError(absl::StrCat(directory_, ": not writable: ", strerror(errno),
                                                 "; give a state_dir that the controller may write"));
    }
    if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
      return absl::AlreadyExistsError(absl::StrCat(
          directory_, ": another drover-controller uses this state_dir; stop it or give another"));
    }
    return absl::OkStatus();
  }

  void OpenDatabase() {
    // Made here, because SQLite would make it readable for everyone.
    if (const int fd = open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); fd >= 0) {
      close(fd);
    }
    database_.emplace(file_, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    // Exclusive: the lock is held anyway, and without shared memory a full disk can't become SIGBUS.
    database_->exec("PRAGMA locking_mode=EXCLUSIVE");
    database_->exec("PRAGMA journal_mode=WAL");
    database_->exec("PRAGMA synchronous=FULL");
    database_->exec("PRAGMA journal_size_limit=16777216");
  }

  absl::Status CheckIntegrity() {
    SQLite::Statement check(*database_, "PRAGMA quick_check(1)");
    if (check.executeStep() && check.getColumn(0).getString() != "ok") {
      throw SQLite::Exception(check.getColumn(0).getString(), SQLITE_CORRUPT);
    }
    return absl::OkStatus();
  }

  absl::Status Migrate() {
    SQLite::Transaction transaction(*database_, SQLite::TransactionBehavior::IMMEDIATE);
    database_->exec("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)");
    if (const auto version = Meta("schema_version")) {
      uint64_t number = 0;
      if (!absl::SimpleAtoi(*version, &number) || number == 0) {
        return absl::DataLossError(absl::StrCat(file_, ": schema_version \"", *version, "\" is no number"));
      }
      if (number > kSchemaVersion) {
        return absl::FailedPreconditionError(absl::StrCat(
            file_, ": written by a newer drover-controller (schema ", number, ", this one knows ",
            kSchemaVersion, "); start that version, or put a copy of before the upgrade back"));
      }
    }
    for (const char* table : kTables) {
      database_->exec(absl::StrCat("CREATE TABLE IF NOT EXISTS ", table,
                                   " (key TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID"));
    }
    SetMeta("schema_version", absl::StrCat(kSchemaVersion));
    if (!Meta("cluster_id").has_value()) {
      SetMeta("cluster_id", HexId(RandomBits()));
    }
    transaction.commit();
    return absl::OkStatus();
  }

  std::optional<std::string> Meta(const char* key) {
    SQLite::Statement select(*database_, "SELECT value FROM meta WHERE key = ?");
    select.bind(1, key);
    return select.executeStep() ? std::optional(select.getColumn(0).getString()) : std::nullopt;
  }

  void SetMeta(const char* key, const std::string& value) {
    SQLite::Statement put(*database_, "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)");
    put.bind(1, key);
    put.bind(2, value);
    put.exec();
  }

  Epoch RaiseEpoch() {
    SQLite::Transaction transaction(*database_, SQLite::TransactionBehavior::IMMEDIATE);
    uint64_t epoch = 0;
    if (!absl::SimpleAtoi(Meta("epoch").value_or("0"), &epoch)) {
      throw SQLite::Exception("the epoch in meta is no number", SQLITE_CORRUPT);
    }
    ++epoch;
    SetMeta("epoch", absl::StrCat(epoch));
    transaction.commit();
    return Epoch(epoch);
  }

  template <typename Stored, typename Record>
  absl::Status LoadTable(const char* table, std::vector<Record>& out) {
    SQLite::Statement select(*database_, absl::StrCat("SELECT key, record FROM ", table, " ORDER BY key"));
    while (select.executeStep()) {
      const SQLite::Column blob = select.getColumn(1);
      const std::string where = absl::StrCat(file_, ": ", table, " ", select.getColumn(0).getString());
      Stored stored;
      if (!stored.ParseFromArray(blob.getBlob(), blob.getBytes())) {
        return absl::DataLossError(absl::StrCat(where, ": the row is damaged; put a copy of the file back"));
      }
      if constexpr (std::is_same_v<Stored, v1::StoredStack>) {
        RETURN_IF_ERROR(Annotate(Unseal(*stored.mutable_spec()), where));
      }
      if constexpr (std::is_same_v<Stored, v1::StoredReplica>) {
        absl::StatusOr<Record> record = ToCore(stored);
        RETURN_IF_ERROR(Annotate(record.status(), where));
        out.push_back(*std::move(record));
      } else {
        out.push_back(ToCore(stored));
      }
    }
    return absl::OkStatus();
  }

  absl::Status Load(StoredState& state) {
    RETURN_IF_ERROR(LoadTable<v1::StoredStack>("stacks", state.stacks));
    RETURN_IF_ERROR(LoadTable<v1::StoredService>("services", state.services));
    RETURN_IF_ERROR(LoadTable<v1::StoredReplica>("replicas", state.replicas));
    RETURN_IF_ERROR(LoadTable<v1::StoredNode>("nodes", state.nodes));
    std::vector<ClusterRecord> whole;
    RETURN_IF_ERROR(LoadTable<v1::StoredCluster>("cluster", whole));
    if (!whole.empty()) {
      state.whole = whole.front();
    }
    return absl::OkStatus();
  }

  absl::Status Unseal(v1::StackSpec& spec) const {
    absl::Status status;
    SetFileContents(spec, [&](const std::string& sealed) {
      absl::StatusOr<std::string> plain = box_->Unseal(sealed);
      if (!plain.ok()) {
        status = absl::DataLossError(absl::StrCat(plain.status().message(), " than ", directory_,
                                                  "/secrets.key; put the right one back"));
        return std::string();
      }
      return *plain;
    });
    return status;
  }

  Row ToRow(const StackRecord& record) const {
    v1::StoredStack stored = ToProto(record);
    SetFileContents(*stored.mutable_spec(), [this](const std::string& plain) { return box_->Seal(plain); });
    return {"stacks", record.name, stored.SerializeAsString()};
  }

  Row ToRow(const ServiceRecord& record) const {
    return {"services", ToString(record.key), ToProto(record).SerializeAsString()};
  }

  Row ToRow(const ReplicaRecord& record) const {
    return {"replicas", ToString(record.id), ToProto(record).SerializeAsString()};
  }

  Row ToRow(const NodeRecord& record) const {
    return {"nodes", record.id.value(), ToProto(record).SerializeAsString()};
  }

  Row ToRow(const ClusterRecord& record) const {
    return {"cluster", "cluster", ToProto(record).SerializeAsString()};
  }

  Row ToRow(const DeleteStack& change) const { return {"stacks", change.name, std::nullopt}; }

  Row ToRow(const DeleteService& change) const { return {"services", ToString(change.key), std::nullopt}; }

  Row ToRow(const DeleteReplica& change) const { return {"replicas", ToString(change.id), std::nullopt}; }

  Row ToRow(const DeleteNode& change) const { return {"nodes", change.id.value(), std::nullopt}; }

  void Write(const Row& row) {
    const std::string sql =
        row.record.has_value()
            ? absl::StrCat("INSERT OR REPLACE INTO ", row.table, " (key, record) VALUES (?, ?)")
            : absl::StrCat("DELETE FROM ", row.table, " WHERE key = ?");
    auto it = statements_.find(sql);
    if (it == statements_.end()) {
      it = statements_.emplace(sql, std::make_unique<SQLite::Statement>(*database_, sql)).first;
    }
    SQLite::Statement& statement = *it->second;
    statement.reset();
    statement.bind(1, row.key);
    if (row.record.has_value()) {
      statement.bind(2, row.record->data(), static_cast<int>(row.record->size()));
    }
    statement.exec();
    // Not to keep the row's lock until the next use.
    statement.reset();
  }

  const std::string directory_;
  const std::string file_;
  int lock_ = -1;
  std::optional<SecretBox> box_;
  std::optional<SQLite::Database> database_;
  std::map<std::string, std::unique_ptr<SQLite::Statement>> statements_;
};

SqliteStore::SqliteStore(std::string directory) : impl_(std::make_unique<Impl>(std::move(directory))) {}

SqliteStore::~SqliteStore() = default;

absl::StatusOr<StateStore::Opened> SqliteStore::Open() { return impl_->Open(); }

absl::Status SqliteStore::Commit(const std::vector<StoreChange>& changes) { return impl_->Commit(changes); }

}  // namespace drover::controller
