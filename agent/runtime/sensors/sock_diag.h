// TCP sockets of a network namespace as the kernel lists them (NETLINK_SOCK_DIAG).
#pragma once

#include <linux/inet_diag.h>

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace drover::agent {

// One netlink socket; it stays in the namespace in which it was opened. One thread.
class SockDiag {
 public:
  // `namespace_path` as /proc/PID/ns/net. NotFound: no such process; PermissionDenied otherwise.
  static absl::StatusOr<SockDiag> Open(const std::string& namespace_path);
  SockDiag(SockDiag&& other) noexcept;
  SockDiag& operator=(SockDiag&& other) noexcept;
  ~SockDiag();

  // Calls `row` for every IPv4 and IPv6 socket whose state's bit (1 << TCP_LISTEN and so on) is in
  // `states`. False: the socket failed and is of no more use.
  bool EachTcp(uint32_t states, const std::function<void(const inet_diag_msg&)>& row);

 private:
  explicit SockDiag(int fd) : fd_(fd) {}

  bool Each(uint8_t family, uint32_t states, const std::function<void(const inet_diag_msg&)>& row);

  int fd_ = -1;
};

}  // namespace drover::agent
