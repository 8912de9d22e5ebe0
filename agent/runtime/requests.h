// What people ask of a node through the controller: logs, commands in a container, image resolution,
// whether a balancer has what a service needs. Each
// on a thread of its own, cancellable, a bounded number at a time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/ports/edge.h"
#include "agent/runtime/docker/auth.h"
#include "agent/runtime/docker/client.h"
#include "agent/runtime/host_policy.h"
#include "agent/runtime/loop.h"
#include "drover/v1/agent.pb.h"

namespace drover::agent {

struct RequestsOptions {
  size_t at_once = 32;                 // further ones are refused
  const HostPolicy* policy = nullptr;  // null: everything is allowed
  std::function<std::shared_ptr<const Snapshot>()> snapshot;
  std::function<std::map<std::string, docker::Credentials>()> registries;
  std::function<EdgeCheckReport(uint32_t set)> check_edge;  // empty: this node has no balancer
  // Sends up; may block while the stream is full; false: the stream is gone.
  std::function<bool(v1::AgentMessage)> send;
};

class Requests {
 public:
  Requests(RequestsOptions options, docker::Client* engine);
  // Cancels all and waits for them.
  ~Requests();
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;

  // All thread-safe, none blocks.
  void Image(const v1::ImageRequest& request);
  void CheckEdge(const v1::EdgeCheckRequest& request);
  void Log(const v1::LogRequest& request);
  void Exec(const v1::ExecRequest& request);
  void Cancel(uint64_t request);
  // The stream is gone, and with it whoever asked.
  void CancelAll();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace drover::agent
