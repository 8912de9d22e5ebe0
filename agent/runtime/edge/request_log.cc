#include "agent/runtime/edge/request_log.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/runtime/clock.h"
#include "common/status.h"

namespace drover::agent {
namespace {

// Of a balancer that writes without measure (a foreign one): what is beyond them is left to the kernel to
// drop.
constexpr int kDatagramsPerSecond = 10 * kLinesPerSecond;
constexpr int kPauseOverLimit = 50;  // ms

absl::StatusOr<int> Bound(int family, const sockaddr* address, socklen_t size, const std::string& name) {
  const int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    return absl::ErrnoToStatus(errno, "socket");
  }
  if (bind(fd, address, size) != 0) {
    const absl::Status status = absl::ErrnoToStatus(errno, name);
    close(fd);
    return status;
  }
  return fd;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RequestLog>> RequestLog::AtPath(const std::string& path, ReadLine read) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is too long for a socket"));
  }
  path.copy(address.sun_path, path.size());
  unlink(path.c_str());
  // Until its mode is set others are kept out by the folder's own.
  ASSIGN_OR_RETURN(const int fd,
                   Bound(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof(address), path));
  chmod(path.c_str(), 0600);
  return On(fd, std::move(read));
}

absl::StatusOr<std::unique_ptr<RequestLog>> RequestLog::AtName(const std::string& name, ReadLine read) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() + 1 >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is too long for a socket"));
  }
  // HAProxy's names fill the whole field.
  name.copy(&address.sun_path[1], name.size());
  ASSIGN_OR_RETURN(const int fd,
                   Bound(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof(address), name));
  return On(fd, std::move(read));
}

absl::StatusOr<std::unique_ptr<RequestLog>> RequestLog::AtPort(uint32_t port, ReadLine read) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSIGN_OR_RETURN(const int fd, Bound(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof(address),
                                       absl::StrCat("UDP port ", port)));
  return On(fd, std::move(read));
}

absl::StatusOr<std::unique_ptr<RequestLog>> RequestLog::On(int socket, ReadLine read) {
  const int stop = eventfd(0, EFD_CLOEXEC);
  if (stop < 0) {
    const absl::Status status = absl::ErrnoToStatus(errno, "eventfd");
    close(socket);
    return status;
  }
  return std::unique_ptr<RequestLog>(new RequestLog(socket, stop, std::move(read)));
}

RequestLog::RequestLog(int socket, int stop, ReadLine read)
    : socket_(socket), stop_(stop), read_(std::move(read)), thread_([this] { Run(); }) {}

RequestLog::~RequestLog() {
  const uint64_t one = 1;
  while (write(stop_, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
  thread_.join();
  close(stop_);
  close(socket_);
}

void RequestLog::Expect(const std::vector<std::string>& backends) {
  const std::lock_guard lock(mutex_);
  window_.Expect(backends);
}

std::optional<RequestTimes> RequestLog::Times(const std::string& backend, Instant now) const {
  const std::lock_guard lock(mutex_);
  return window_.Times(backend, now);
}

uint64_t RequestLog::Heard(const std::string& backend) const {
  const std::lock_guard lock(mutex_);
  return window_.Heard(backend);
}

void RequestLog::Drain() {
  char text[1024];
  for (;;) {
    const ssize_t size = recv(socket_, text, sizeof(text), 0);
    if (size < 0) {
      return;
    }
    const Instant now = Now();
    const int64_t second = now.nanoseconds() / 1'000'000'000;
    if (second != second_) {
      second_ = second;
      datagrams_ = 0;
    }
    ++datagrams_;
    if (const std::optional<RequestLine> line = read_({text, static_cast<size_t>(size)})) {
      const std::lock_guard lock(mutex_);
      window_.Hear(*line, now);
    }
    if (datagrams_ > kDatagramsPerSecond) {
      return;
    }
  }
}

void RequestLog::Run() {
  std::array<pollfd, 2> waits = {pollfd{socket_, POLLIN, 0}, pollfd{stop_, POLLIN, 0}};
  for (;;) {
    if (poll(waits.data(), waits.size(), -1) < 0) {
      if (errno == EINTR) {
        continue;
      }
      return;
    }
    if (waits[1].revents != 0) {
      return;
    }
    Drain();
    if (datagrams_ > kDatagramsPerSecond) {
      poll(&waits[1], 1, kPauseOverLimit);
    }
  }
}

}  // namespace drover::agent
