#include "controller/runtime/http/connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"

namespace drover::controller {
namespace {

constexpr absl::string_view kHeadEnd = "\r\n\r\n";
constexpr absl::string_view kTooLarge =
    "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
constexpr Duration kLinger = absl::Milliseconds(300);
constexpr Duration kLongestTurn = absl::Seconds(2);

int Milliseconds(Duration d) {
  return static_cast<int>(
      std::clamp<int64_t>(absl::ToInt64Milliseconds(absl::Ceil(d, absl::Milliseconds(1))), 0, INT_MAX));
}

// Without its Range lines; `end` is where the head ends.
void DropRanges(std::string& bytes, size_t end) {
  for (size_t line = bytes.find("\r\n"); line < end;) {
    const size_t next = bytes.find("\r\n", line + 2);
    if (absl::StartsWithIgnoreCase(absl::string_view(bytes).substr(line + 2), "range:")) {
      bytes.erase(line, next - line);
      end -= next - line;
    } else {
      line = next;
    }
  }
}

void IpAndPort(const sockaddr_storage& address, std::string& ip, int& port) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text));
    port = ntohs(v4.sin_port);
  } else if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text));
    port = ntohs(v6.sin6_port);
  }
  ip = text;
}

}  // namespace

bool HandshakeGate::Enter() {
  const absl::Time end = absl::Now() + kLongestTurn;
  while (true) {
    Duration pause;
    {
      const std::lock_guard lock(mutex_);
      // Any clock that does not fall does.
      timespec now{};
      clock_gettime(CLOCK_BOOTTIME, &now);
      pause = rate_.Admit(Instant::FromNanoseconds(int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec));
    }
    if (pause <= absl::ZeroDuration()) {
      return true;
    }
    if (absl::Now() + pause > end) {
      return false;
    }
    absl::SleepFor(pause);
  }
}

ConnectionStream::ConnectionStream(int socket, SSL* ssl, const ConnectionTerms& terms)
    : socket_(socket), ssl_(ssl), terms_(terms) {}

bool ConnectionStream::WaitForBytes(Duration wait) const {
  if (ssl_ != nullptr && SSL_pending(ssl_) > 0) {
    return true;
  }
  pollfd fds[] = {{.fd = socket_, .events = POLLIN, .revents = 0},
                  {.fd = terms_.stop_fd, .events = POLLIN, .revents = 0}};
  int ready = 0;
  do {
    ready = poll(fds, 2, Milliseconds(wait));
  } while (ready < 0 && errno == EINTR);
  return ready > 0 && fds[0].revents != 0;
}

bool ConnectionStream::ReadHead() {
  absl::Time deadline = absl::Now() + terms_.idle;
  bool begun = !taken_.empty();
  while (true) {
    const size_t end = taken_.find(kHeadEnd.data(), 0, kHeadEnd.size());
    if (end != std::string::npos && end < terms_.head_limit) {
      DropRanges(taken_, end);
      return true;
    }
    if (taken_.size() >= terms_.head_limit) {
      write(kTooLarge.data(), kTooLarge.size());
      return false;
    }
    if (!WaitForBytes(deadline - absl::Now())) {
      return false;
    }
    char buffer[4096];
    const ssize_t n = ReadSome(buffer, sizeof(buffer));
    if (n <= 0) {
      return false;
    }
    taken_.append(buffer, static_cast<size_t>(n));
    if (!std::exchange(begun, true)) {
      deadline = absl::Now() + terms_.head;
    }
  }
}

void ConnectionStream::Linger() {
  if (ssl_ != nullptr) {
    return;
  }
  shutdown(socket_, SHUT_WR);
  const absl::Time end = absl::Now() + kLinger;
  char buffer[4096];
  while (absl::Now() < end && WaitForBytes(end - absl::Now()) && ReadSome(buffer, sizeof(buffer)) > 0) {
  }
}

bool ConnectionStream::is_readable() const { return !taken_.empty() || WaitForBytes(terms_.block); }

bool ConnectionStream::is_writable() const {
  pollfd fd = {.fd = socket_, .events = POLLOUT, .revents = 0};
  return poll(&fd, 1, Milliseconds(terms_.block)) > 0 && (fd.revents & (POLLERR | POLLHUP)) == 0;
}

ssize_t ConnectionStream::ReadSome(char* to, size_t size) {
  if (ssl_ != nullptr) {
    return SSL_read(ssl_, to, static_cast<int>(std::min<size_t>(size, INT_MAX)));
  }
  ssize_t n = 0;
  do {
    n = recv(socket_, to, size, 0);
  } while (n < 0 && errno == EINTR);
  return n;
}

ssize_t ConnectionStream::read(char* to, size_t size) {
  if (taken_.empty()) {
    // Not byte by byte: that is how the library asks.
    char buffer[16384];
    const ssize_t n = ReadSome(buffer, sizeof(buffer));
    if (n <= 0) {
      return n;
    }
    taken_.assign(buffer, static_cast<size_t>(n));
  }
  const size_t n = std::min(size, taken_.size());
  std::copy_n(taken_.begin(), n, to);
  taken_.erase(0, n);
  return static_cast<ssize_t>(n);
}

ssize_t ConnectionStream::write(const char* from, size_t size) {
  if (ssl_ != nullptr) {
    return SSL_write(ssl_, from, static_cast<int>(std::min<size_t>(size, INT_MAX)));
  }
  ssize_t n = 0;
  do {
    n = send(socket_, from, size, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  return n;
}

void ConnectionStream::get_remote_ip_and_port(std::string& ip, int& port) const {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  if (getpeername(socket_, reinterpret_cast<sockaddr*>(&address), &length) == 0) {
    IpAndPort(address, ip, port);
  }
}

void ConnectionStream::get_local_ip_and_port(std::string& ip, int& port) const {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  if (getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length) == 0) {
    IpAndPort(address, ip, port);
  }
}

SSL* AcceptTls(SSL_CTX* context, int socket) {
  SSL* ssl = SSL_new(context);
  if (ssl != nullptr && (SSL_set_fd(ssl, socket) != 1 || SSL_accept(ssl) != 1)) {
    SSL_free(ssl);
    return nullptr;
  }
  return ssl;
}

void CloseTls(SSL* ssl) {
  if (ssl != nullptr) {
    SSL_shutdown(ssl);
    SSL_free(ssl);
  }
}

void SetDeadlines(int socket, Duration block) {
  const timeval time = absl::ToTimeval(block);
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
  setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void CloseSocket(int socket) { close(socket); }

}  // namespace drover::controller
