// R10.4: a policy that became stricter stops nothing that runs; people are told what it is, once.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "agent/core/ready.h"
#include "agent/runtime/calls.h"
#include "agent/runtime/host_policy.h"
#include "agent/runtime/loop.h"

namespace drover::agent {

class PolicyReview {
 public:
  // `notice` is called on a thread of this object's. All outlive it.
  PolicyReview(const HostPolicy* policy, Calls* calls, std::function<void(Notice)> notice)
      : policy_(policy), calls_(calls), notice_(std::move(notice)) {}

  ~PolicyReview();
  PolicyReview(const PolicyReview&) = delete;
  PolicyReview& operator=(const PolicyReview&) = delete;

  // The first snapshot that tells of replicas is looked at: one RunsAgainstPolicy for each that runs and
  // would not be started again. Does not block: a path on a file system that hangs holds up nothing else
  // (R3.8). From one thread.
  void See(const std::shared_ptr<const Snapshot>& snapshot);

 private:
  void Look(const Snapshot& snapshot) const;

  const HostPolicy* policy_;
  Calls* calls_;
  std::function<void(Notice)> notice_;
  std::thread thread_;  // not joinable: nothing seen yet
};

}  // namespace drover::agent
