// An agent's side of the protocol, by hand: sends what the test says, gives what the controller says.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "drover/v1/agent.pb.h"

namespace drover::controller {

class StreamClient {
 public:
  struct Tls {
    std::string ca;           // PEM
    std::string certificate;  // empty: none is shown
    std::string key;
  };

  // Connects to 127.0.0.1:`port` (to "localhost" with TLS, which is what the certificate must name).
  explicit StreamClient(int port, const std::optional<Tls>& tls = std::nullopt);
  ~StreamClient();

  void Send(const v1::AgentMessage& message);
  // The next message; absent after `seconds`, or when the stream has ended.
  std::optional<v1::ControllerMessage> Next(double seconds = 20);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Hello of a node that is fit to be welcomed.
v1::AgentMessage HelloOf(const std::string& node, const std::string& cluster = "");

}  // namespace drover::controller
