#include "agent/runtime/edge/address.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace drover::agent {

std::string CanonicalAddress(const std::string& address) {
  unsigned char bytes[sizeof(in6_addr)];
  char text[INET6_ADDRSTRLEN];
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, address.c_str(), bytes) == 1) {
      return inet_ntop(family, bytes, text, sizeof(text));
    }
  }
  return address;
}

std::string WhyNotFree(const EdgeListener& listener) {
  sockaddr_storage address{};
  socklen_t size = 0;
  if (auto* v4 = reinterpret_cast<sockaddr_in*>(&address);
      inet_pton(AF_INET, listener.bind.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<uint16_t>(listener.port));
    size = sizeof(*v4);
  } else if (auto* v6 = reinterpret_cast<sockaddr_in6*>(&address);
             inet_pton(AF_INET6, listener.bind.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<uint16_t>(listener.port));
    size = sizeof(*v6);
  } else {
    return absl::StrCat("cannot listen on ", listener.bind, ": it is not an IP address");
  }
  const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const bool free =
      fd >= 0 && bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0 && listen(fd, 1) == 0;
  const int error = errno;
  if (fd >= 0) {
    close(fd);
  }
  if (free) {
    return {};
  }
  if (error == EADDRINUSE) {
    return absl::StrCat("port ", listener.port, " is in use on ", listener.bind, " by another program");
  }
  return absl::StrCat("cannot listen on ", listener.bind, " port ", listener.port, ": ",
                      std::strerror(error));
}

}  // namespace drover::agent
