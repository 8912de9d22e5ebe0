// HAProxy's runtime API: a session on its socket, and readers of what it answers. There are no status
// codes: success is an exact known text, everything else is "unknown, read back".
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace drover::agent {

using Deadline = std::chrono::steady_clock::time_point;

// One interactive connection (`prompt`). Blocking, each call until the deadline given at Open. After an
// error the session is of no more use. One thread.
class RuntimeSession {
 public:
  // `where` is the path of a unix socket, or "ADDRESS:PORT". `prompt` is how each answer ends: "> " on the
  // stats socket, "master> " on the master's. Unavailable: nobody listens there (or no such file);
  // DeadlineExceeded; else the socket's error.
  static absl::StatusOr<RuntimeSession> Open(const std::string& where, absl::string_view prompt,
                                             Deadline deadline);
  RuntimeSession(RuntimeSession&& other) noexcept;
  RuntimeSession& operator=(RuntimeSession&& other) noexcept;
  ~RuntimeSession();

  // Sends one command, returns its answer without the prompt and the empty line before it.
  absl::StatusOr<std::string> Command(absl::string_view command);

  // The same for several, in their order, sent without waiting for each answer (a tenth of the time). Not
  // on the master's socket. None of the answers may have a line that begins with the prompt.
  absl::StatusOr<std::vector<std::string>> Commands(const std::vector<std::string>& commands);

 private:
  RuntimeSession(int fd, std::string prompt, Deadline deadline);
  absl::Status Send(absl::string_view text);
  absl::StatusOr<std::string> ReadAnswer();
  // Appends what has come to `received_`.
  absl::Status Receive();
  absl::Status WaitFor(short events);

  int fd_ = -1;
  std::string prompt_;
  Deadline deadline_;
  std::string received_;  // answers that were not taken yet
};

// `show info`, as far as it is used.
struct ProcessInfo {
  int64_t pid = 0;
  int64_t start_seconds = 0;
  std::string description;
  std::string version;
};

// InvalidArgument when there is no Pid line.
absl::StatusOr<ProcessInfo> ParseInfo(absl::string_view answer);

// One row of `show servers state BACKEND`.
struct ServerRow {
  std::string name;
  std::string address;  // "-": none
  uint32_t port = 0;
  int32_t op_state = 0;  // 0 stopped, 1 starting, 2 running, 3 stopping
  uint32_t admin_state = 0;
  int32_t user_weight = 1;
  int32_t initial_weight = 1;

  friend bool operator==(const ServerRow&, const ServerRow&) = default;
};

// NotFound when HAProxy has no such backend; InvalidArgument for anything else that is not a table.
absl::StatusOr<std::vector<ServerRow>> ParseServersState(absl::string_view answer);

// `show stat`: by the names of the header line, since positions change between versions.
class StatTable {
 public:
  // NotFound when HAProxy has no such proxy; InvalidArgument for what is not a table.
  static absl::StatusOr<StatTable> Parse(absl::string_view answer);

  size_t size() const { return rows_.size(); }

  // Empty when there is no such column or the field is empty.
  absl::string_view Text(size_t row, absl::string_view column) const;
  std::optional<int64_t> Number(size_t row, absl::string_view column) const;
  // The row whose svname is `server` (BACKEND, FRONTEND or a server's name).
  std::optional<size_t> Find(absl::string_view server) const;

 private:
  std::map<std::string, size_t, std::less<>> columns_;
  std::map<std::string, size_t, std::less<>> servers_;  // by svname, the first of it
  std::vector<std::vector<std::string>> rows_;
};

// Pids of workers that a reload left behind to finish their requests, from the master's `show proc`.
std::vector<int64_t> ParseOldWorkers(absl::string_view answer);

// True for the texts by which `set server B/S addr A port P` says that it is so now.
bool AddressWasSet(absl::string_view answer);

}  // namespace drover::agent
