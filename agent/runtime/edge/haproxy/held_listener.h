// Hears from the balancer that a request has begun to wait: a unix socket to which the hold script
// connects. What it says is not believed, only taken as a reason to look.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/statusor.h"

namespace drover::agent {

class HeldListener {
 public:
  // Replaces what is at `path` (mode 0600). Errors: the socket's own.
  static absl::StatusOr<std::unique_ptr<HeldListener>> Listen(const std::string& path);
  // `heard` is not called any more once this returns.
  ~HeldListener();
  HeldListener(const HeldListener&) = delete;
  HeldListener& operator=(const HeldListener&) = delete;

  // Called on the listener's thread; empty: nobody. Thread-safe.
  void OnHeard(std::function<void()> heard);

 private:
  HeldListener(int socket, int stop);
  void Run() const;

  int socket_;
  int stop_;  // an eventfd
  mutable std::mutex mutex_;
  std::function<void()> heard_;
  std::thread thread_;
};

}  // namespace drover::agent
