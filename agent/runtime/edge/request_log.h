// Hears a balancer's log lines: a datagram socket, which never makes the balancer wait (what is not read is
// lost), and a thread that reads them into a window. The socket has a name rather than a connection, so that
// a balancer that goes on while no agent lives finds that of the next one.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/runtime/edge/request_window.h"

namespace drover::agent {

class RequestLog {
 public:
  using ReadLine = std::function<std::optional<RequestLine>(absl::string_view line)>;

  // A unix socket at `path` (mode 0600), in place of what is there. Errors: the socket's own.
  static absl::StatusOr<std::unique_ptr<RequestLog>> AtPath(const std::string& path, ReadLine read);
  // A unix socket in the abstract namespace, which processes of any user and root folder reach.
  static absl::StatusOr<std::unique_ptr<RequestLog>> AtName(const std::string& name, ReadLine read);
  // UDP on the loopback.
  static absl::StatusOr<std::unique_ptr<RequestLog>> AtPort(uint32_t port, ReadLine read);

  ~RequestLog();
  RequestLog(const RequestLog&) = delete;
  RequestLog& operator=(const RequestLog&) = delete;

  // As of RequestWindow, thread-safe.
  void Expect(const std::vector<std::string>& backends);
  std::optional<RequestTimes> Times(const std::string& backend, Instant now) const;
  uint64_t Heard(const std::string& backend) const;

 private:
  RequestLog(int socket, int stop, ReadLine read);
  static absl::StatusOr<std::unique_ptr<RequestLog>> On(int socket, ReadLine read);
  void Run();
  void Drain();

  int socket_;
  int stop_;  // an eventfd
  ReadLine read_;
  mutable std::mutex mutex_;
  RequestWindow window_;
  int64_t second_ = 0;
  int datagrams_ = 0;  // in that second
  std::thread thread_;
};

}  // namespace drover::agent
