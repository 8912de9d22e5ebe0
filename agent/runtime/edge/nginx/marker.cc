#include "agent/runtime/edge/nginx/marker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/runtime/edge/address.h"

namespace drover::agent {
namespace {

// Below the range from which the kernel takes ports of outgoing connections.
constexpr uint32_t kFirstPort = 7420;
constexpr uint32_t kLastPort = 7499;

std::string Converse(int fd, uint32_t port, const std::string& request) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval limit{0, 200'000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  std::string answer;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      send(fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    return answer;
  }
  char buffer[2048];
  for (ssize_t n = 0; answer.size() < 8192 && (n = recv(fd, buffer, sizeof(buffer), 0)) > 0;) {
    answer.append(buffer, static_cast<size_t>(n));
  }
  return answer;
}

}  // namespace

bool RunsGeneration(const NginxMarker& marker) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return false;
  }
  const std::string answer = Converse(
      fd, marker.port, absl::StrCat("GET ", kMarkerPath, " HTTP/1.0\r\nHost: ", marker.name, "\r\n\r\n"));
  close(fd);
  return absl::EndsWith(answer, absl::StrCat("\r\n\r\n", MarkerAnswer(marker)));
}

bool MarkerPortIsFree(uint32_t port) {
  return WhyNotFree({.bind = "127.0.0.1", .port = port, .host = "", .path = "", .tls_path = ""}).empty();
}

uint32_t FreeMarkerPort(const std::function<bool(uint32_t port)>& fits) {
  for (uint32_t port = kFirstPort; port <= kLastPort; ++port) {
    if (MarkerPortIsFree(port) && fits(port)) {
      return port;
    }
  }
  return 0;
}

}  // namespace drover::agent
