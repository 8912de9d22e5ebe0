// A node that does what it is told at once: what is assigned runs and is ready, what is to be removed is
// gone. What "runs" means is the test's.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "drover/v1/agent.pb.h"
#include "tests/integration/controller/stream_client.h"

namespace drover::controller {

class ScriptedAgent {
 public:
  struct Options {
    std::string node = "00000000000000aa";
    std::string address = "127.0.0.1";  // advertised
    uint32_t port_first = 20000;
    uint32_t port_last = 29999;
    // Called on the agent's thread; may be absent.
    std::function<void(const v1::RunReplica&)> start = nullptr;
    std::function<void(uint64_t)> stop = nullptr;
  };

  explicit ScriptedAgent(Options options);
  ~ScriptedAgent();

  // To the controller at 127.0.0.1:`port`, away from any other.
  void Connect(int port);
  void Disconnect();

  // Replicas that run.
  std::set<uint64_t> Running() const;
  // Waits until `done` holds for them; false after `seconds`.
  bool WaitRunning(const std::function<bool(const std::set<uint64_t>&)>& done, double seconds = 60) const;

 private:
  void Run(StreamClient& stream);
  void Obey(const v1::Assignment& assignment);
  v1::AgentMessage Hello() const;
  v1::AgentMessage Report();

  const Options options_;
  mutable std::mutex mutex_;
  std::map<uint64_t, uint32_t> running_;  // id → handle
  std::set<uint64_t> removed_;
  std::string cluster_;
  uint64_t epoch_ = 0;
  uint64_t revision_ = 0;
  uint64_t reports_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace drover::controller
