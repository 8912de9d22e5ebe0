#include "controller/runtime/agent_listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "common/status.h"
#include "controller/runtime/logger.h"
#include "controller/runtime/loop.h"

namespace drover::controller {
namespace {

// Connections that may wait; the kernel's own limit (net.core.somaxconn) is the same by default.
constexpr int kBacklog = 4096;
constexpr unsigned kUserTimeoutMs = 10000;  // as gRPC's keepalive: unacknowledged for longer is broken
// When the process has no descriptors left, or the kernel no memory.
constexpr Duration kOutOfResources = absl::Milliseconds(100);

// The socket that listens on `address`, or -errno.
int ListenOn(const addrinfo& address, int port) {
  const int fd = socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return -errno;
  }
  const int on = 1;
  // Not SO_REUSEPORT: two controllers must not share a port silently.
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  // What follows, accepted connections inherit.
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUserTimeoutMs, sizeof(kUserTimeoutMs));
  sockaddr_storage bound{};
  std::memcpy(&bound, address.ai_addr, address.ai_addrlen);
  if (bound.ss_family == AF_INET6) {
    const int off = 0;  // [::] is for IPv4, too
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port = htons(static_cast<uint16_t>(port));
  } else {
    reinterpret_cast<sockaddr_in*>(&bound)->sin_port = htons(static_cast<uint16_t>(port));
  }
  if (bind(fd, reinterpret_cast<sockaddr*>(&bound), address.ai_addrlen) != 0 || listen(fd, kBacklog) != 0) {
    const int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

int PortOf(int socket) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &size);
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                                           : reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
}

}  // namespace

AgentListener::AgentListener() : stop_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

AgentListener::~AgentListener() {
  eventfd_write(stop_fd_, 1);
  if (thread_.joinable()) {
    thread_.join();
  }
  for (const int socket : sockets_) {
    close(socket);
  }
  close(stop_fd_);
}

absl::StatusOr<std::unique_ptr<AgentListener>> AgentListener::Open(const std::string& listen) {
  ASSIGN_OR_RETURN(const Address address, ParseAddress(listen));
  std::unique_ptr<AgentListener> listener(new AgentListener());
  RETURN_IF_ERROR(listener->Listen(address));
  return listener;
}

absl::Status AgentListener::Listen(const Address& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(address.host.c_str(), nullptr, &hints, &found); error != 0) {
    return absl::UnavailableError(gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
  port_ = address.port;
  int failure = 0;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    const int socket = ListenOn(*one, port_);
    // A name may have addresses of a family that this host does not speak.
    if (socket == -EAFNOSUPPORT || socket == -EADDRNOTAVAIL) {
      failure = -socket;
    } else if (socket < 0) {
      return absl::UnavailableError(std::strerror(-socket));
    } else {
      sockets_.push_back(socket);
      port_ = PortOf(socket);
    }
  }
  return sockets_.empty() ? absl::UnavailableError(std::strerror(failure)) : absl::OkStatus();
}

void AgentListener::Start(AdmissionRate rate, std::function<void(int)> admit) {
  admit_ = std::move(admit);
  thread_ = std::thread([this, rate] { Run(rate); });
}

void AgentListener::Run(AdmissionRate rate) {
  for (std::vector<int> ready = WaitForConnections(); !ready.empty(); ready = WaitForConnections()) {
    for (const int socket : ready) {
      for (Duration pause = rate.Admit(Now()); pause > absl::ZeroDuration(); pause = rate.Admit(Now())) {
        if (!Sleep(pause)) {
          return;
        }
      }
      const int connection = accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (connection >= 0) {
        admit_(connection);
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        Log(LogLevel::kWarning, "agents' connections wait", {{"error", std::strerror(errno)}});
        if (!Sleep(kOutOfResources)) {
          return;
        }
      }
    }
  }
}

std::vector<int> AgentListener::WaitForConnections() const {
  std::vector<pollfd> polled = {{.fd = stop_fd_, .events = POLLIN, .revents = 0}};
  for (const int socket : sockets_) {
    polled.push_back({.fd = socket, .events = POLLIN, .revents = 0});
  }
  while (poll(polled.data(), polled.size(), -1) < 0) {
  }
  std::vector<int> ready;
  for (size_t i = 1; i < polled.size() && polled.front().revents == 0; ++i) {
    if (polled[i].revents != 0) {
      ready.push_back(polled[i].fd);
    }
  }
  return ready;
}

bool AgentListener::Sleep(Duration pause) const {
  pollfd stop = {.fd = stop_fd_, .events = POLLIN, .revents = 0};
  const int64_t milliseconds = absl::ToInt64Milliseconds(absl::Ceil(pause, absl::Milliseconds(1)));
  return poll(&stop, 1, static_cast<int>(milliseconds)) <= 0;
}

}  // namespace drover::controller
