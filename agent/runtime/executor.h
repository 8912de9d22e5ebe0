// Carries out the core's actions on the Docker Engine: a few at a time, each with deadlines and a name,
// each safe to repeat (agent/core/ready.h). Every action ends in an ActionDone.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/core/ready.h"
#include "agent/runtime/calls.h"
#include "agent/runtime/docker/auth.h"
#include "agent/runtime/docker/client.h"
#include "agent/runtime/host_policy.h"
#include "agent/runtime/host_resources.h"
#include "drover/v1/agent.pb.h"

namespace drover::agent {

struct ExecutorOptions {
  uint32_t threads = 40;  // at most: as many as the core may hand out at once (CoreOptions)
  std::string node_name;
  std::string advertise_address;
  const HostPolicy* policy = nullptr;  // null: everything is allowed
  // Credentials as they are now; called for every pull.
  std::function<std::map<std::string, docker::Credentials>()> registries;
  // Called on a worker thread; must not block.
  std::function<void(ActionDone, Action::Kind)> done;
  std::function<void(Notice)> notice;
};

class Executor {
 public:
  // What an action needs beside itself.
  struct Job {
    Action action;
    std::shared_ptr<const v1::ServiceContext> service;  // null: not known (fine for stop, remove, inspect)
    Epoch epoch;
    ClusterId cluster;
  };

  // All outlive the executor.
  Executor(ExecutorOptions options, docker::Client* engine, HostResources* resources, Calls* calls);
  // Lets running actions end (a stop under way is cut short, the container left as it is).
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Thread-safe; does not block.
  void Submit(Job job);

  // A stop or removal of this replica runs, or ended within the last seconds: that it dies or goes then is
  // our own doing (R3.7). Thread-safe.
  bool Ends(ReplicaId replica) const;

  // The API version in use changed. Thread-safe.
  void SetApiMinor(int minor);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// What the engine's words about a failed create or start mean: PortInUse, BindSourceMissing,
// CommandNotFound, NetworkMissing, ...; empty when nothing better than the step's name is known.
std::string ReasonOf(const absl::Status& status);

}  // namespace drover::agent
