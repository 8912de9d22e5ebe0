#include "agent/runtime/docker/exec_stream.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace drover::agent::docker {
namespace {

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}

  ~Socket() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }

  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int fd() const { return fd_; }

 private:
  int fd_;
};

absl::Status Errno(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

absl::Status ConnectTo(int fd, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("docker socket path is too long: ", path));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return Errno(absl::StrCat("docker at ", path));
  }
  return absl::OkStatus();
}

// Writes all of `data`, and meanwhile reads what comes: a command that echoes a large input would block
// otherwise.
absl::Status Exchange(int fd, absl::string_view to_send, const std::function<bool(absl::string_view)>& sink) {
  bool write_open = true;
  char buffer[16384];
  while (true) {
    if (to_send.empty() && write_open) {
      shutdown(fd, SHUT_WR);
      write_open = false;
    }
    pollfd entry{fd, static_cast<short>(POLLIN | (write_open ? POLLOUT : 0)), 0};
    if (poll(&entry, 1, -1) < 0) {
      if (errno == EINTR) {
        continue;
      }
      return Errno("docker exec");
    }
    if (write_open && (entry.revents & POLLOUT) != 0) {
      ssize_t sent = send(fd, to_send.data(), to_send.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno != EAGAIN) {
        to_send = {};  // the command closed its input; its output still counts
      } else if (sent > 0) {
        to_send.remove_prefix(static_cast<size_t>(sent));
      }
    }
    if ((entry.revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
      ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
      if (got < 0) {
        return Errno("docker exec");
      }
      if (got == 0 || !sink(absl::string_view(buffer, static_cast<size_t>(got)))) {
        return absl::OkStatus();
      }
    }
  }
}

absl::Status SendAll(int fd, absl::string_view data) {
  while (!data.empty()) {
    ssize_t sent = send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      return Errno("docker exec");
    }
    data.remove_prefix(static_cast<size_t>(sent));
  }
  return absl::OkStatus();
}

// Reads up to the end of the header; what came after it goes to `rest`.
absl::StatusOr<std::string> ReadHeader(int fd, std::string* rest) {
  std::string text;
  char buffer[4096];
  while (true) {
    ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
    if (got <= 0) {
      return Errno("docker exec: no answer");
    }
    text.append(buffer, static_cast<size_t>(got));
    if (size_t end = text.find("\r\n\r\n"); end != std::string::npos) {
      *rest = text.substr(end + 4);
      return text.substr(0, end);
    }
    if (text.size() > 65536) {
      return absl::InternalError("docker exec: the answer's header has no end");
    }
  }
}

}  // namespace

absl::StatusOr<HttpAnswer> HijackedCall(const std::string& socket_path, const std::string& path,
                                        const std::string& body, const std::string& input,
                                        const std::function<bool(absl::string_view)>& sink,
                                        const std::shared_ptr<Cancel>& cancel) {
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.fd() < 0) {
    return Errno("socket");
  }
  RETURN_IF_ERROR(ConnectTo(socket.fd(), socket_path));
  int fd = socket.fd();
  cancel->SetHook([fd] { shutdown(fd, SHUT_RDWR); });

  struct Unhook {
    Cancel* cancel;

    ~Unhook() { cancel->SetHook(nullptr); }
  } unhook{cancel.get()};

  RETURN_IF_ERROR(SendAll(
      fd, absl::StrCat("POST ", path,
                       " HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: ",
                       body.size(), "\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n", body)));
  // Only the answer to the request has a time limit: a command may be silent for as long as it likes.
  timeval limit{30, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  HttpAnswer answer;
  std::string rest;
  ASSIGN_OR_RETURN(std::string header, ReadHeader(fd, &rest));
  timeval no_limit{0, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &no_limit, sizeof(no_limit));
  if (header.size() < 12 || !absl::SimpleAtoi(header.substr(9, 3), &answer.status)) {
    return absl::InternalError("docker exec: the answer is not HTTP");
  }
  if (answer.status != 101 && answer.status != 200) {
    answer.body = rest;
    return answer;
  }
  absl::Status status = absl::OkStatus();
  if (rest.empty() || sink(rest)) {
    status = Exchange(fd, input, sink);
  }
  if (cancel->triggered()) {
    return absl::CancelledError("cancelled");
  }
  RETURN_IF_ERROR(status);
  return answer;
}

}  // namespace drover::agent::docker
