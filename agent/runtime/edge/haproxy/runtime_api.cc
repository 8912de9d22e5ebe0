#include "agent/runtime/edge/haproxy/runtime_api.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/status.h"

namespace drover::agent {
namespace {

absl::Status SocketError(int error, absl::string_view what) {
  if (error == ECONNREFUSED || error == ENOENT) {
    return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(error)));
  }
  return absl::InternalError(absl::StrCat(what, ": ", std::strerror(error)));
}

// Their answers fit into the socket's buffer while nobody reads them.
constexpr size_t kCommandsAtOnce = 100;

// The first line of an answer that is not what was expected, for error texts.
std::string FirstLine(absl::string_view answer) {
  const std::vector<absl::string_view> lines = absl::StrSplit(answer, '\n', absl::SkipWhitespace());
  return lines.empty() ? "nothing" : absl::StrCat("\"", lines[0].substr(0, 120), "\"");
}

std::vector<std::string> SplitCsv(absl::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back().push_back(c);
    }
  }
  return fields;
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

// "ADDRESS:PORT", with an IP address; whatever has a slash is the path of a unix socket.
absl::StatusOr<SocketAddress> ParseSocket(const std::string& where) {
  SocketAddress out;
  if (absl::StrContains(where, '/')) {
    auto& address = reinterpret_cast<sockaddr_un&>(out.storage);
    if (where.size() >= sizeof(address.sun_path)) {
      return absl::InvalidArgumentError(
          absl::StrCat("socket path ", where, ": must have 1 to 107 characters"));
    }
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, where.data(), where.size());
    out.size = sizeof(address);
    return out;
  }
  const size_t colon = where.rfind(':');
  std::string host = where.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (colon == std::string::npos ||
      getaddrinfo(host.c_str(), where.c_str() + colon + 1, &hints, &found) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("socket ", where, ": must be a path, or an IP address and a port, 127.0.0.1:9999"));
  }
  std::memcpy(&out.storage, found->ai_addr, found->ai_addrlen);
  out.size = found->ai_addrlen;
  freeaddrinfo(found);
  return out;
}

}  // namespace

RuntimeSession::RuntimeSession(int fd, std::string prompt, Deadline deadline)
    : fd_(fd), prompt_(std::move(prompt)), deadline_(deadline) {}

RuntimeSession::RuntimeSession(RuntimeSession&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      prompt_(std::move(other.prompt_)),
      deadline_(other.deadline_),
      received_(std::move(other.received_)) {}

RuntimeSession& RuntimeSession::operator=(RuntimeSession&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(prompt_, other.prompt_);
  std::swap(deadline_, other.deadline_);
  std::swap(received_, other.received_);
  return *this;
}

RuntimeSession::~RuntimeSession() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

absl::StatusOr<RuntimeSession> RuntimeSession::Open(const std::string& where, absl::string_view prompt,
                                                    Deadline deadline) {
  ASSIGN_OR_RETURN(const SocketAddress address, ParseSocket(where));
  const auto* raw = reinterpret_cast<const sockaddr*>(&address.storage);
  const int fd = socket(raw->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    return SocketError(errno, "socket");
  }
  RuntimeSession session(fd, std::string(prompt), deadline);
  if (connect(fd, raw, address.size) != 0) {
    // EAGAIN of a unix socket: the listener's queue is full, that is, nobody accepts.
    if (errno == EAGAIN) {
      return absl::DeadlineExceededError(absl::StrCat(where, ": does not accept connections"));
    }
    if (errno != EINPROGRESS) {
      return SocketError(errno, where);
    }
    RETURN_IF_ERROR(Annotate(session.WaitFor(POLLOUT), where));
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
      return SocketError(error, where);
    }
  }
  RETURN_IF_ERROR(Annotate(session.Command("prompt").status(), where));
  return session;
}

absl::Status RuntimeSession::WaitFor(short events) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now()).count();
  pollfd wait{fd_, events, 0};
  const int ready = left <= 0 ? 0 : poll(&wait, 1, static_cast<int>(left));
  if (ready > 0 || (ready < 0 && errno == EINTR)) {
    return absl::OkStatus();
  }
  return absl::DeadlineExceededError("HAProxy's socket did not answer in time");
}

absl::StatusOr<std::string> RuntimeSession::Command(absl::string_view command) {
  RETURN_IF_ERROR(Send(absl::StrCat(command, "\n")));
  return ReadAnswer();
}

absl::StatusOr<std::vector<std::string>> RuntimeSession::Commands(const std::vector<std::string>& commands) {
  std::vector<std::string> answers;
  while (answers.size() < commands.size()) {
    const size_t end = std::min(commands.size(), answers.size() + kCommandsAtOnce);
    std::string text;
    for (size_t i = answers.size(); i < end; ++i) {
      absl::StrAppend(&text, commands[i], "\n");
    }
    RETURN_IF_ERROR(Send(text));
    while (answers.size() < end) {
      ASSIGN_OR_RETURN(std::string answer, ReadAnswer());
      answers.push_back(std::move(answer));
    }
  }
  return answers;
}

absl::Status RuntimeSession::Send(absl::string_view text) {
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t n = send(fd_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n > 0) {
      sent += static_cast<size_t>(n);
    } else if (errno == EAGAIN) {
      RETURN_IF_ERROR(WaitFor(POLLOUT));
    } else if (errno != EINTR) {
      return SocketError(errno, "write to HAProxy's socket");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> RuntimeSession::ReadAnswer() {
  // A "> " inside an answer is not at a line's start, except that of the prompt itself.
  const std::string end = absl::StrCat("\n", prompt_);
  size_t looked_at = 0;
  size_t size = std::string::npos;
  while (size == std::string::npos) {
    if (absl::StartsWith(received_, prompt_)) {
      size = 0;
    } else if (const size_t found = received_.find(end, looked_at); found != std::string::npos) {
      size = found + 1;
    } else {
      looked_at = received_.size() - std::min(received_.size(), end.size() - 1);
      RETURN_IF_ERROR(Receive());
    }
  }
  std::string answer = received_.substr(0, size);
  received_.erase(0, size + prompt_.size());
  while (absl::EndsWith(answer, "\n")) {
    answer.pop_back();
  }
  return answer;
}

absl::Status RuntimeSession::Receive() {
  char buffer[16384];
  while (true) {
    const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
    if (n > 0) {
      received_.append(buffer, static_cast<size_t>(n));
      return absl::OkStatus();
    }
    if (n == 0) {
      return absl::InternalError("HAProxy closed its socket in the middle of an answer");
    }
    if (errno == EAGAIN) {
      RETURN_IF_ERROR(WaitFor(POLLIN));
    } else if (errno != EINTR) {
      return SocketError(errno, "read from HAProxy's socket");
    }
  }
}

absl::StatusOr<ProcessInfo> ParseInfo(absl::string_view answer) {
  ProcessInfo info;
  for (const absl::string_view line : absl::StrSplit(answer, '\n')) {
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(line, absl::MaxSplits(": ", 1));
    if (field.first == "Pid") {
      (void)absl::SimpleAtoi(field.second, &info.pid);
    } else if (field.first == "Start_time_sec") {
      (void)absl::SimpleAtoi(field.second, &info.start_seconds);
    } else if (field.first == "description") {
      info.description = std::string(field.second);
    } else if (field.first == "Version") {
      info.version = std::string(field.second);
    }
  }
  if (info.pid <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("HAProxy's \"show info\" has no Pid: ", FirstLine(answer)));
  }
  return info;
}

absl::StatusOr<std::vector<ServerRow>> ParseServersState(absl::string_view answer) {
  if (absl::StrContains(answer, "Can't find backend")) {
    return absl::NotFoundError("HAProxy has no such backend");
  }
  std::map<absl::string_view, size_t> columns;
  std::vector<ServerRow> rows;
  for (const absl::string_view line : absl::StrSplit(answer, '\n', absl::SkipWhitespace())) {
    std::vector<absl::string_view> fields = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (fields.front() == "#") {
      for (size_t i = 1; i < fields.size(); ++i) {
        columns.emplace(fields[i], i - 1);
      }
      continue;
    }
    if (columns.empty()) {
      if (fields.size() == 1 && fields.front() == "1") {
        continue;  // the format's version
      }
      break;
    }
    const auto text = [&](absl::string_view column) {
      const auto it = columns.find(column);
      return it == columns.end() || it->second >= fields.size() ? absl::string_view() : fields[it->second];
    };
    ServerRow row;
    row.name = std::string(text("srv_name"));
    row.address = std::string(text("srv_addr"));
    if (row.name.empty() || row.address.empty() || !absl::SimpleAtoi(text("srv_port"), &row.port) ||
        !absl::SimpleAtoi(text("srv_op_state"), &row.op_state) ||
        !absl::SimpleAtoi(text("srv_admin_state"), &row.admin_state)) {
      return absl::InvalidArgumentError(
          absl::StrCat("HAProxy's \"show servers state\" has an incomplete row: ", FirstLine(line)));
    }
    (void)absl::SimpleAtoi(text("srv_uweight"), &row.user_weight);
    (void)absl::SimpleAtoi(text("srv_iweight"), &row.initial_weight);
    rows.push_back(std::move(row));
  }
  if (columns.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("HAProxy's \"show servers state\" answered ", FirstLine(answer)));
  }
  return rows;
}

absl::StatusOr<StatTable> StatTable::Parse(absl::string_view answer) {
  if (absl::StrContains(answer, "No such proxy")) {
    return absl::NotFoundError("HAProxy has no such proxy");
  }
  StatTable table;
  for (absl::string_view line : absl::StrSplit(answer, '\n', absl::SkipWhitespace())) {
    if (absl::ConsumePrefix(&line, "# ")) {
      const std::vector<std::string> names = SplitCsv(line);
      for (size_t i = 0; i < names.size(); ++i) {
        table.columns_.emplace(names[i], i);
      }
    } else if (table.columns_.empty()) {
      break;
    } else {
      table.rows_.push_back(SplitCsv(line));
    }
  }
  for (const char* column : {"pxname", "svname", "scur", "qcur", "status"}) {
    if (table.columns_.count(column) == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("HAProxy's \"show stat\" has no column ", column, ": ", FirstLine(answer)));
    }
  }
  for (size_t row = 0; row < table.rows_.size(); ++row) {
    table.servers_.emplace(table.Text(row, "svname"), row);
  }
  return table;
}

absl::string_view StatTable::Text(size_t row, absl::string_view column) const {
  const auto it = columns_.find(column);
  if (it == columns_.end() || row >= rows_.size() || it->second >= rows_[row].size()) {
    return {};
  }
  return rows_[row][it->second];
}

std::optional<int64_t> StatTable::Number(size_t row, absl::string_view column) const {
  int64_t value = 0;
  if (!absl::SimpleAtoi(Text(row, column), &value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<size_t> StatTable::Find(absl::string_view server) const {
  const auto found = servers_.find(server);
  return found == servers_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<int64_t> ParseOldWorkers(absl::string_view answer) {
  std::vector<int64_t> pids;
  bool old = false;
  for (const absl::string_view line : absl::StrSplit(answer, '\n', absl::SkipWhitespace())) {
    if (absl::StartsWith(line, "#")) {
      old = absl::StrContains(line, "old workers");
      continue;
    }
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ', absl::SkipEmpty());
    int64_t pid = 0;
    if (old && fields.size() > 1 && fields[1] == "worker" && absl::SimpleAtoi(fields[0], &pid)) {
      pids.push_back(pid);
    }
  }
  return pids;
}

bool AddressWasSet(absl::string_view answer) {
  const std::vector<absl::string_view> parts =
      absl::StrSplit(absl::StripSuffix(answer, " by 'stats socket command'"), absl::MaxSplits(", ", 1));
  return parts.size() == 2 &&
         (parts[0] == "no need to change the addr" || absl::StartsWith(parts[0], "IP changed from '")) &&
         (parts[1] == "no need to change the port" || absl::StartsWith(parts[1], "port changed from '"));
}

}  // namespace drover::agent
