#include "deploy/examples/net.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace drover::examples {
namespace {

int64_t ClockNs(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

// Connects `fd` within the deadline; 0 or an errno.
int ConnectWithin(int fd, const addrinfo& address, int64_t timeout_ms) {
  if (connect(fd, address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd p{fd, POLLOUT, 0};
  const int ready = poll(&p, 1, static_cast<int>(timeout_ms));
  if (ready == 0) return ETIMEDOUT;
  if (ready < 0) return errno;
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

void SetTimeouts(int fd, int64_t timeout_ms) {
  const timeval t{static_cast<time_t>(timeout_ms / 1000), static_cast<suseconds_t>(timeout_ms % 1000 * 1000)};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

std::string Encode(const std::vector<std::string>& words) {
  std::string out = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) out += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  return out;
}

}  // namespace

int64_t NowMs() { return ClockNs(CLOCK_MONOTONIC) / 1'000'000; }

int64_t UnixNs() { return ClockNs(CLOCK_REALTIME); }

std::string Env(const char* name, const std::string& fallback) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : fallback;
}

int64_t EnvInt(const char* name, int64_t fallback) {
  const std::string value = Env(name, "");
  return value.empty() ? fallback : std::strtoll(value.c_str(), nullptr, 10);
}

void BurnCpu(int64_t ms) {
  const int64_t end = ClockNs(CLOCK_THREAD_CPUTIME_ID) + ms * 1'000'000;
  while (ClockNs(CLOCK_THREAD_CPUTIME_ID) < end) {
  }
}

void SleepMs(int64_t ms) {
  timespec t{static_cast<time_t>(ms / 1000), static_cast<long>(ms % 1000 * 1'000'000)};
  if (ms > 0) nanosleep(&t, nullptr);
}

int Connect(const std::string& host, const std::string& port, int64_t timeout_ms, std::string* error) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int rc = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); rc != 0) {
    *error = host + ": " + gai_strerror(rc);
    return -1;
  }
  int fd = -1;
  int code = ENOENT;
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0) {
      code = errno;
      continue;
    }
    code = ConnectWithin(fd, *a, timeout_ms);
    if (code == 0) break;
    close(fd);
    fd = -1;
  }
  freeaddrinfo(found);
  if (fd < 0) {
    *error = host + ":" + port + ": " + std::strerror(code);
    return -1;
  }
  int blocking = 0;
  ioctl(fd, FIONBIO, &blocking);
  SetTimeouts(fd, timeout_ms);
  return fd;
}

bool SendAll(int fd, const std::string& data) {
  size_t sent = 0;
  while (sent < data.size()) {
    const ssize_t n = send(fd, data.data() + sent, data.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    sent += static_cast<size_t>(n);
  }
  return true;
}

bool ParseUrl(const std::string& text, Url* url) {
  const size_t colon = text.find("://");
  if (colon == std::string::npos) return false;
  url->scheme = text.substr(0, colon);
  const std::string rest = text.substr(colon + 3);
  const size_t slash = rest.find('/');
  const std::string authority = rest.substr(0, slash);
  url->path = slash == std::string::npos ? "" : rest.substr(slash);
  const size_t port = authority.rfind(':');
  url->host = authority.substr(0, port);
  if (port != std::string::npos) {
    url->port = authority.substr(port + 1);
  } else {
    url->port = url->scheme == "redis" ? "6379" : "80";
  }
  return (url->scheme == "redis" || url->scheme == "http") && !url->host.empty() && !url->port.empty();
}

bool Redis::Open(int64_t timeout_ms, std::string* error) {
  Close();
  fd_ = Connect(url_.host, url_.port, timeout_ms, error);
  if (fd_ < 0) return false;
  if (url_.path.size() <= 1) return true;
  const Reply reply = Call({"SELECT", url_.path.substr(1)});
  if (reply.kind == Reply::Kind::kString) return true;
  *error = url_.host + ":" + url_.port + ": SELECT: " + (reply.broken() ? "connection lost" : reply.text);
  Close();
  return false;
}

void Redis::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  buffer_.clear();
}

Reply Redis::Call(const std::vector<std::string>& words) {
  std::vector<Reply> replies = Pipeline({words});
  return replies.empty() ? Reply{} : replies[0];
}

std::vector<Reply> Redis::Pipeline(const std::vector<std::vector<std::string>>& commands) {
  std::vector<Reply> replies;
  if (fd_ < 0) return replies;
  std::string out;
  for (const auto& command : commands) out += Encode(command);
  if (!SendAll(fd_, out)) {
    Close();
    return replies;
  }
  while (replies.size() < commands.size()) {
    Reply reply = Read();
    if (reply.broken()) {
      Close();
      break;
    }
    replies.push_back(std::move(reply));
  }
  return replies;
}

Reply Redis::Read() {
  std::string line;
  if (!ReadLine(&line) || line.empty()) return {};
  const std::string rest = line.substr(1);
  const int64_t number = std::strtoll(rest.c_str(), nullptr, 10);
  Reply reply;
  switch (line[0]) {
    case '+':
      reply = {Reply::Kind::kString, rest, 0, {}};
      break;
    case '-':
      reply = {Reply::Kind::kError, rest, 0, {}};
      break;
    case ':':
      reply = {Reply::Kind::kInteger, "", number, {}};
      break;
    case '$': {
      if (number < 0) return {Reply::Kind::kNil, "", 0, {}};
      const size_t size = static_cast<size_t>(number);
      while (buffer_.size() < size + 2) {
        if (!Fill()) return {};
      }
      reply = {Reply::Kind::kString, buffer_.substr(0, size), 0, {}};
      buffer_.erase(0, size + 2);
      break;
    }
    case '*':
      if (number < 0) return {Reply::Kind::kNil, "", 0, {}};
      reply.kind = Reply::Kind::kArray;
      for (int64_t i = 0; i < number; ++i) {
        reply.items.push_back(Read());
        if (reply.items.back().broken()) return {};
      }
      break;
    default:
      return {};
  }
  return reply;
}

bool Redis::ReadLine(std::string* line) {
  size_t end = 0;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (!Fill()) return false;
  }
  *line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return true;
}

bool Redis::Fill() {
  char chunk[16384];
  ssize_t n = 0;
  do {
    n = recv(fd_, chunk, sizeof chunk, 0);
  } while (n < 0 && errno == EINTR);
  if (n <= 0) return false;
  buffer_.append(chunk, static_cast<size_t>(n));
  return true;
}

}  // namespace drover::examples
