#include "agent/runtime/edge/nginx/wake.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/match.h"

namespace drover::agent {
namespace {

constexpr Duration kRetryAfter = absl::Seconds(1);
constexpr size_t kMostAddresses = 10'000;  // whoever sends us more means no good

int LoopbackUdp(uint32_t port) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd >= 0 && bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    return fd;
  }
  if (fd >= 0) {
    close(fd);
  }
  return -1;
}

}  // namespace

std::string WakeAddressIn(absl::string_view datagram) {
  const std::string word(datagram.substr(datagram.rfind(' ') + 1));
  in_addr address{};
  return absl::StartsWith(word, "127.") && inet_pton(AF_INET, word.c_str(), &address) == 1 ? word
                                                                                           : std::string();
}

int64_t RefusedRequests::Waiting(Instant now, uint64_t count, Duration hold) {
  if (count > 0) {
    recent_.emplace_back(now, count);
    last_ = now;
  }
  while (!recent_.empty() && now - recent_.front().first >= kRetryAfter) {
    recent_.pop_front();
  }
  int64_t waiting = 0;
  for (const auto& [at, refused] : recent_) {
    waiting += static_cast<int64_t>(refused);
  }
  return std::max<int64_t>(waiting, last_ && now - *last_ < hold ? 1 : 0);
}

NginxWake::~NginxWake() { Stop(); }

void NginxWake::Stop() {
  if (socket_ < 0) {
    return;
  }
  const uint64_t one = 1;
  while (write(stop_, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
  thread_.join();
  close(stop_);
  close(socket_);
  socket_ = -1;
  port_ = 0;
}

bool NginxWake::Listen(uint32_t port) {
  if (port == port_ && socket_ >= 0) {
    return true;
  }
  Stop();
  socket_ = LoopbackUdp(port);
  if (socket_ < 0) {
    return false;
  }
  port_ = port;
  stop_ = eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread([this] { Run(); });
  return true;
}

std::map<std::string, uint64_t> NginxWake::Take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(refused_, {});
}

void NginxWake::OnHeard(std::function<void()> heard) {
  const std::lock_guard lock(mutex_);
  heard_ = std::move(heard);
}

void NginxWake::Run() const {
  std::array<pollfd, 2> waits = {pollfd{socket_, POLLIN, 0}, pollfd{stop_, POLLIN, 0}};
  while (waits[1].revents == 0) {
    if (poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) {
      return;
    }
    char buffer[512];
    for (ssize_t n = 0; (n = recv(socket_, buffer, sizeof(buffer), 0)) >= 0;) {
      const std::string address = WakeAddressIn({buffer, static_cast<size_t>(n)});
      const std::lock_guard lock(mutex_);
      if (address.empty() || (refused_.count(address) == 0 && refused_.size() >= kMostAddresses)) {
        continue;
      }
      if (++refused_[address] == 1 && heard_) {
        heard_();
      }
    }
  }
}

}  // namespace drover::agent
