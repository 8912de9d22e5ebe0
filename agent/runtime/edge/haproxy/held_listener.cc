#include "agent/runtime/edge/haproxy/held_listener.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace drover::agent {
namespace {

constexpr int kPause = 100;  // ms

}  // namespace

absl::StatusOr<std::unique_ptr<HeldListener>> HeldListener::Listen(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is too long for a socket"));
  }
  path.copy(address.sun_path, path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    return absl::ErrnoToStatus(errno, "socket");
  }
  unlink(path.c_str());
  // Between the two calls others are kept out by the folder's own mode.
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      chmod(path.c_str(), 0600) != 0 || listen(fd, SOMAXCONN) != 0) {
    const absl::Status status = absl::ErrnoToStatus(errno, path);
    close(fd);
    return status;
  }
  const int stop = eventfd(0, EFD_CLOEXEC);
  if (stop < 0) {
    const absl::Status status = absl::ErrnoToStatus(errno, "eventfd");
    close(fd);
    return status;
  }
  return std::unique_ptr<HeldListener>(new HeldListener(fd, stop));
}

HeldListener::HeldListener(int socket, int stop) : socket_(socket), stop_(stop), thread_([this] { Run(); }) {}

HeldListener::~HeldListener() {
  const uint64_t one = 1;
  while (write(stop_, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
  thread_.join();
  close(stop_);
  close(socket_);
}

void HeldListener::OnHeard(std::function<void()> heard) {
  const std::lock_guard lock(mutex_);
  heard_ = std::move(heard);
}

void HeldListener::Run() const {
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
    bool any = false;
    for (int fd = accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC); fd >= 0;
         fd = accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC)) {
      any = true;
      close(fd);
    }
    if (!any) {
      poll(&waits[1], 1, kPause);  // no descriptor is free: what waits goes on waiting
      continue;
    }
    const std::lock_guard lock(mutex_);
    if (heard_) {
      heard_();
    }
  }
}

}  // namespace drover::agent
