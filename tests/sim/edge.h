// The load balancer of one host: routes to what it was last told, applies late, keeps requests waiting,
// counts them, and forgets its servers when its process is another one. What it should have is on disk
// (R6.4), so neither the agent's nor its own end loses it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "common/prng.h"
#include "common/request_times.h"
#include "controller/core/ready.h"

namespace drover::sim {

class World;

class Edge {
 public:
  Edge(World* world, int host);

  // Takes the sets unless they are older than those it has.
  void SetDesired(const controller::BackendSets& sets);
  // Another process: empty until the sets from disk are applied again.
  void Restart();
  // The same process, empty until the agent notices (R6.6).
  void Wipe();
  // Requests come and go; called once per report.
  void Serve();
  controller::EdgeStatus Status() const;

  // True: new requests may go to the replica.
  bool Routes(ReplicaId id) const;
  int64_t InFlight(ReplicaId id) const;
  std::vector<ReplicaId> Routed(const std::string& service) const;

 private:
  // What became of the requests for one service.
  struct Traffic {
    double waiting = 0;  // in the balancer's queue, or held while there is no server
    double requests = 0;
    double finished = 0;
    std::deque<std::pair<Instant, RequestTimes>> times;  // of the last 10 s, oldest first
  };

  void ApplyLater(Duration most);
  void ServeSet(const controller::BackendSet& set, double seconds);
  void NoteTimes(Traffic& traffic, Duration wait, double finished);
  bool IsRouted(const controller::BackendSet& set, ReplicaId id) const;

  World* world_;
  int host_;
  Prng prng_;
  uint64_t instance_ = 1;
  uint64_t wipes_ = 0;
  controller::BackendSets desired_;  // on disk
  controller::BackendSets applied_;
  Instant served_;
  std::map<ReplicaId, int64_t> in_flight_;
  std::map<std::string, Traffic> traffic_;  // by service
};

}  // namespace drover::sim
