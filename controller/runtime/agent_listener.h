// The port that agents connect to. Connections are taken at a bounded rate (R13), since each costs a
// handshake and a full assignment: when all agents come back at once, those that are there must still be
// heard. The others wait in the kernel's queue.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/time.h"
#include "controller/config/config.h"
#include "controller/runtime/admission_rate.h"

namespace drover::controller {

class AgentListener {
 public:
  // `listen` is "ADDRESS:PORT", with any free port for port 0; a name stands for all of its addresses.
  // Nothing is taken before Start. Errors: InvalidArgument; Unavailable, in the system's words.
  static absl::StatusOr<std::unique_ptr<AgentListener>> Open(const std::string& listen);

  // Takes nothing more; connections that wait are closed.
  ~AgentListener();

  AgentListener(const AgentListener&) = delete;
  AgentListener& operator=(const AgentListener&) = delete;

  int port() const { return port_; }

  // Once. Hands each connection to `admit`, which owns the socket (it does not block), from a thread of its
  // own.
  void Start(AdmissionRate rate, std::function<void(int socket)> admit);

 private:
  AgentListener();

  absl::Status Listen(const Address& address);
  void Run(AdmissionRate rate);
  // The sockets at which connections wait, once there are some; none: the end.
  std::vector<int> WaitForConnections() const;
  // Waits out `pause`. False: the end.
  bool Sleep(Duration pause) const;

  std::vector<int> sockets_;
  const int stop_fd_;
  int port_ = 0;
  std::function<void(int)> admit_;
  std::thread thread_;
};

}  // namespace drover::controller
