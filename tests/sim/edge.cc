#include "tests/sim/edge.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace drover::sim {

Edge::Edge(World* world, int host)
    : world_(world), host_(host), prng_(Prng(world->options.seed).Split(absl::StrCat("edge", host))) {}

void Edge::SetDesired(const controller::BackendSets& sets) {
  if (std::pair(sets.epoch, sets.revision) < std::pair(desired_.epoch, desired_.revision)) {
    return;
  }
  desired_ = sets;
  ApplyLater();
}

void Edge::ApplyLater() {
  const Duration most = world_->faults ? world_->options.edge_delay_max : absl::Milliseconds(50);
  const uint64_t instance = instance_;
  world_->queue.After(most * prng_.Uniform(), [this, instance] {
    if (instance == instance_) {
      applied_ = desired_;
    }
  });
}

void Edge::Restart() {
  ++instance_;
  applied_ = {};
  in_flight_.clear();
  ApplyLater();
}

void Edge::Serve() {
  for (auto& [id, count] : in_flight_) {
    if (!Routes(id)) {
      count = prng_.Chance(0.7) ? 0 : count;
    }
  }
  for (const controller::BackendSet& set : applied_.sets) {
    for (const controller::Backend& backend : set.backends) {
      if (!backend.drain) {
        in_flight_[backend.replica] = static_cast<int64_t>(prng_.Below(5));
      }
    }
  }
}

controller::EdgeStatus Edge::Status() const {
  controller::EdgeStatus status;
  status.instance = instance_;
  status.reachable = true;
  for (const controller::BackendSet& set : applied_.sets) {
    controller::EdgeSetStatus s;
    s.set = set.handle;
    s.applied_epoch = set.epoch;
    s.applied_revision = set.revision;
    for (const controller::Backend& backend : set.backends) {
      s.servers.push_back({.replica = backend.replica, .in_flight = InFlight(backend.replica), .up = true});
    }
    s.queued = 0;
    status.sets.push_back(std::move(s));
  }
  return status;
}

bool Edge::Routes(ReplicaId id) const {
  return std::any_of(applied_.sets.begin(), applied_.sets.end(), [&](const controller::BackendSet& set) {
    return std::any_of(set.backends.begin(), set.backends.end(), [&](const controller::Backend& backend) {
      return backend.replica == id && !backend.drain;
    });
  });
}

int64_t Edge::InFlight(ReplicaId id) const {
  const auto it = in_flight_.find(id);
  return it != in_flight_.end() ? it->second : 0;
}

std::vector<ReplicaId> Edge::Routed(const std::string& service) const {
  std::vector<ReplicaId> routed;
  for (const controller::BackendSet& set : applied_.sets) {
    for (const controller::Backend& backend : set.backends) {
      if (set.service.service == service && !backend.drain) {
        routed.push_back(backend.replica);
      }
    }
  }
  return routed;
}

}  // namespace drover::sim
