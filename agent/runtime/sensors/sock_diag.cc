#include "agent/runtime/sensors/sock_diag.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace drover::agent {
namespace {

// Reads one dump to its end. False: the socket failed.
bool ReadDump(int fd, const std::function<void(const inet_diag_msg&)>& row) {
  alignas(nlmsghdr) char buffer[32768];
  for (;;) {
    const ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
    if (n <= 0) {
      return false;
    }
    auto left = static_cast<unsigned>(n);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(header, left);
         header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type == NLMSG_DONE) {
        return true;
      }
      if (header->nlmsg_type == NLMSG_ERROR) {
        return false;
      }
      row(*static_cast<const inet_diag_msg*>(NLMSG_DATA(header)));
    }
  }
}

// Entering another namespace needs rights that staying does not.
bool IsOwnNamespace(int target) {
  struct stat there {};

  struct stat here {};

  return fstat(target, &there) == 0 && stat("/proc/self/ns/net", &here) == 0 && there.st_ino == here.st_ino;
}

}  // namespace

SockDiag::SockDiag(SockDiag&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

SockDiag& SockDiag::operator=(SockDiag&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

SockDiag::~SockDiag() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

absl::StatusOr<SockDiag> SockDiag::Open(const std::string& namespace_path) {
  const int target = open(namespace_path.c_str(), O_RDONLY | O_CLOEXEC);
  if (target < 0) {
    return absl::NotFoundError(absl::StrCat(namespace_path, ": ", std::strerror(errno)));
  }
  int fd = -1;
  int error = 0;
  // The namespace belongs to a thread, so one is made for the moment of opening; the socket keeps it.
  std::thread([&] {
    if (IsOwnNamespace(target) || setns(target, CLONE_NEWNET) == 0) {
      fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    }
    error = errno;
  }).join();
  close(target);
  if (fd < 0) {
    return absl::PermissionDeniedError(absl::StrCat("enter ", namespace_path, ": ", std::strerror(error)));
  }
  const timeval limit{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  return SockDiag(fd);
}

bool SockDiag::Each(uint8_t family, uint32_t states, const std::function<void(const inet_diag_msg&)>& row) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } message{};

  message.header.nlmsg_len = sizeof(message);
  message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message.request.sdiag_family = family;
  message.request.sdiag_protocol = IPPROTO_TCP;
  message.request.idiag_states = states;
  return send(fd_, &message, sizeof(message), 0) == sizeof(message) && ReadDump(fd_, row);
}

bool SockDiag::EachTcp(uint32_t states, const std::function<void(const inet_diag_msg&)>& row) {
  return Each(AF_INET, states, row) && Each(AF_INET6, states, row);
}

}  // namespace drover::agent
