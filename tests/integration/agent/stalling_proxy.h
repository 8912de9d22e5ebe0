// A unix socket in front of the engine's that can hold back the engine's answers: an engine that is busy
// with somebody else's work accepts every call and answers late.
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace drover::agent {

class StallingProxy {
 public:
  // Listens on `socket`, a path that does not exist yet.
  StallingProxy(const std::string& socket, const std::string& engine);
  // Closes all connections.
  ~StallingProxy();
  StallingProxy(const StallingProxy&) = delete;
  StallingProxy& operator=(const StallingProxy&) = delete;

  // From now on, and for so long, no byte of an answer goes through; all of it goes afterwards.
  void Stall(std::chrono::milliseconds how_long);

 private:
  void Accept();
  void Serve(int client);
  bool Stalled() const;

  std::string engine_;
  int listener_ = -1;
  std::atomic<bool> stop_{false};
  std::atomic<std::chrono::steady_clock::time_point> until_{};
  std::vector<std::thread> connections_;  // only on the acceptor, and at the end
  std::thread acceptor_;
};

}  // namespace drover::agent
