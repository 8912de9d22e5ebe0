// Hears from nginx that it refused requests for want of a replica. Each set without one has an address of the
// loopback of its own, where nginx answers 503; the log of that place goes, as syslog datagrams that name
// the address, to whoever listens here. Nobody listening changes nothing for nginx.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/string_view.h"
#include "common/time.h"

namespace drover::agent {

// The address in a datagram of ours; empty: it is something else.
std::string WakeAddressIn(absl::string_view datagram);

// How many of the clients that were refused at one place wait, that is, come again: Retry-After says after
// a second. Pure.
class RefusedRequests {
 public:
  // `count` more until `now`. Returns who waits: those of the last second, and one as long as the last one
  // came within `hold`.
  int64_t Waiting(Instant now, uint64_t count, Duration hold);

 private:
  std::deque<std::pair<Instant, uint64_t>> recent_;  // of the last second
  std::optional<Instant> last_;
};

class NginxWake {
 public:
  NginxWake() = default;
  // `heard` is not called any more once this returns.
  ~NginxWake();
  NginxWake(const NginxWake&) = delete;
  NginxWake& operator=(const NginxWake&) = delete;

  // Listens at this UDP port of the loopback from now on, at no other. False: somebody else has it.
  bool Listen(uint32_t port);
  // What was refused at each address since the last call.
  std::map<std::string, uint64_t> Take();
  // Called on a thread of its own for the first of what Take will give; empty: nobody. Thread-safe.
  void OnHeard(std::function<void()> heard);

 private:
  void Run() const;
  void Stop();

  uint32_t port_ = 0;
  int socket_ = -1;
  int stop_ = -1;  // an eventfd
  mutable std::mutex mutex_;
  mutable std::map<std::string, uint64_t> refused_;
  std::function<void()> heard_;
  std::thread thread_;
};

}  // namespace drover::agent
