#include "agent/runtime/host_facts.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "agent/config/config.h"
#include "agent/runtime/state_dir.h"
#include "common/status.h"

namespace drover::agent {

std::string BootId() {
  absl::StatusOr<std::string> text = ReadWhole("/proc/sys/kernel/random/boot_id");
  return text.ok() ? std::string(absl::StripAsciiWhitespace(*text)) : "";
}

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "unknown";
}

Resources WholeHost() {
  struct sysinfo info {};

  int64_t memory = sysinfo(&info) == 0 ? static_cast<int64_t>(info.totalram) * info.mem_unit : 0;
  return {MilliCpu(sysconf(_SC_NPROCESSORS_ONLN) * 1000), Bytes(memory)};
}

absl::StatusOr<std::string> AddressTowards(const std::string& controller) {
  ASSIGN_OR_RETURN(auto split, SplitAddress(controller));
  if (IsLoopback(split.first)) {
    return std::string("127.0.0.1");
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  int error = getaddrinfo(split.first.c_str(), absl::StrCat(split.second).c_str(), &hints, &found);
  if (error != 0) {
    return absl::NotFoundError(absl::StrCat(split.first, ": ", gai_strerror(error)));
  }
  absl::StatusOr<std::string> result = absl::NotFoundError(absl::StrCat("no route to ", split.first));
  for (addrinfo* one = found; one != nullptr && !result.ok(); one = one->ai_next) {
    int fd = socket(one->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_storage local{};
    socklen_t size = sizeof(local);
    char text[INET6_ADDRSTRLEN] = {};
    // Connecting a datagram socket sends nothing; it only looks the route up.
    if (fd >= 0 && connect(fd, one->ai_addr, one->ai_addrlen) == 0 &&
        getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size) == 0) {
      const void* address =
          local.ss_family == AF_INET
              ? static_cast<const void*>(&reinterpret_cast<sockaddr_in*>(&local)->sin_addr)
              : static_cast<const void*>(&reinterpret_cast<sockaddr_in6*>(&local)->sin6_addr);
      result = std::string(inet_ntop(local.ss_family, address, text, sizeof(text)));
    }
    if (fd >= 0) {
      close(fd);
    }
  }
  freeaddrinfo(found);
  return result;
}

}  // namespace drover::agent
