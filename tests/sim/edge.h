// The load balancer of one host: routes to what it was last told, applies late, counts requests in
// flight, and forgets its servers when its process is another one. What it should have is on disk
// (R6.4), so neither the agent's nor its own end loses it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/prng.h"
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
  // Requests come and go; called once per report.
  void Serve();
  controller::EdgeStatus Status() const;

  // True: new requests may go to the replica.
  bool Routes(ReplicaId id) const;
  int64_t InFlight(ReplicaId id) const;
  std::vector<ReplicaId> Routed(const std::string& service) const;

 private:
  void ApplyLater();

  World* world_;
  int host_;
  Prng prng_;
  uint64_t instance_ = 1;
  controller::BackendSets desired_;  // on disk
  controller::BackendSets applied_;
  std::map<ReplicaId, int64_t> in_flight_;
};

}  // namespace drover::sim
