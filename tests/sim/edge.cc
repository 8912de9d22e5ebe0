#include "tests/sim/edge.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace drover::sim {
namespace {

constexpr Duration kTimesWindow = absl::Seconds(10);
constexpr Duration kRequestTakes = absl::Milliseconds(200);  // with a replica
constexpr Duration kNoticedWithin = absl::Seconds(2);        // R6.6

}  // namespace

Edge::Edge(World* world, int host)
    : world_(world), host_(host), prng_(Prng(world->options.seed).Split(absl::StrCat("edge", host))) {}

void Edge::SetDesired(const controller::BackendSets& sets) {
  if (std::pair(sets.epoch, sets.revision) < std::pair(desired_.epoch, desired_.revision)) {
    return;
  }
  desired_ = sets;
  ApplyLater(world_->faults ? world_->options.edge_delay_max : absl::Milliseconds(50));
}

void Edge::ApplyLater(Duration most) {
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
  traffic_.clear();
  ApplyLater(world_->options.edge_delay_max);
}

void Edge::Wipe() {
  applied_ = {};
  ApplyLater(kNoticedWithin);
}

void Edge::Serve() {
  const double seconds = absl::ToDoubleSeconds(world_->queue.now() - served_);
  served_ = world_->queue.now();
  for (auto& [id, count] : in_flight_) {
    if (!Routes(id)) {
      count = prng_.Chance(0.7) ? 0 : count;
    }
  }
  for (const controller::BackendSet& set : applied_.sets) {
    ServeSet(set, seconds);
  }
  for (auto& [service, traffic] : traffic_) {
    while (!traffic.times.empty() && served_ - traffic.times.front().first > kTimesWindow) {
      traffic.times.pop_front();
    }
  }
}

bool Edge::IsRouted(const controller::BackendSet& set, ReplicaId id) const {
  return std::any_of(set.backends.begin(), set.backends.end(),
                     [id](const controller::Backend& b) { return b.replica == id && !b.drain; });
}

// As many requests at a time as the load says go to the servers in equal parts, the rest waits.
void Edge::ServeSet(const controller::BackendSet& set, double seconds) {
  Traffic& traffic = traffic_[set.service.service];
  const double asked = world_->load->RequestsAt(set.service.service);
  std::vector<ReplicaId> servers;
  for (const controller::Backend& backend : set.backends) {
    if (!backend.drain) {
      servers.push_back(backend.replica);
    }
  }
  double served = 0;
  for (size_t i = 0; i < servers.size(); ++i) {
    const double left = std::max(0.0, asked - served);
    double share = std::ceil(left / static_cast<double>(servers.size() - i));
    share += world_->faults ? static_cast<double>(prng_.Below(3)) : 0;
    share = set.maxconn == 0 ? share : std::min(share, static_cast<double>(set.maxconn));
    in_flight_[servers[i]] = static_cast<int64_t>(share);
    served += share;
  }
  traffic.waiting = servers.empty() && set.hold == absl::ZeroDuration() ? 0 : std::max(0.0, asked - served);
  const double finished = seconds * served / absl::ToDoubleSeconds(kRequestTakes);
  traffic.finished += finished;
  traffic.requests = std::max(traffic.requests, traffic.finished + served + traffic.waiting);
  if (finished > 0) {
    NoteTimes(traffic, kRequestTakes * (traffic.waiting / served), finished);
  }
}

void Edge::NoteTimes(Traffic& traffic, Duration wait, double finished) {
  RequestTimes times;
  const auto count = static_cast<int64_t>(finished);
  times.answered.AddCount(DurationHistogram::BucketOf(wait + kRequestTakes), count);
  times.replica.AddCount(DurationHistogram::BucketOf(kRequestTakes), count);
  traffic.times.emplace_back(served_, times);
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
    if (const auto it = traffic_.find(set.service.service); it != traffic_.end()) {
      const Traffic& traffic = it->second;
      const auto waiting = static_cast<int64_t>(traffic.waiting);
      const bool served = std::any_of(set.backends.begin(), set.backends.end(),
                                      [](const controller::Backend& b) { return !b.drain; });
      (served ? s.queued : s.held) = waiting;
      s.requests_total = static_cast<uint64_t>(traffic.requests);
      s.finished_total = static_cast<uint64_t>(traffic.finished);
      s.times.emplace();
      for (const auto& [at, times] : traffic.times) {
        s.times->answered.Merge(times.answered);
        s.times->replica.Merge(times.replica);
      }
    }
    status.sets.push_back(std::move(s));
  }
  return status;
}

bool Edge::Routes(ReplicaId id) const {
  return std::any_of(applied_.sets.begin(), applied_.sets.end(),
                     [&](const controller::BackendSet& set) { return IsRouted(set, id); });
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
