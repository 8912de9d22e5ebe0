// A consumer that pulls (R6.1), such as Traefik: asks the controller every few seconds which replicas to
// route to, confirms by asking, and follows within the delay that the routes state. It may stay away for
// minutes and goes on with what it has.
#pragma once

#include <cstdint>
#include <set>

#include "common/ids.h"
#include "common/prng.h"
#include "common/time.h"

namespace drover::sim {

class World;

inline constexpr char kConsumer[] = "traefik";
// What its routes state: after its confirmation it may still send requests for so long.
inline constexpr Duration kConsumerDelay = absl::Seconds(5);

class Consumer {
 public:
  explicit Consumer(World* world);

  // Asks from now on.
  void Start();
  void GoAway(Duration length);

  // True: it may send requests to the replica.
  bool Routes(ReplicaId id) const { return routed_.contains(id); }

  const std::set<ReplicaId>& routed() const { return routed_; }

 private:
  void Ask();

  World* world_;
  Prng prng_;
  Instant away_until_;
  uint64_t asked_ = 0;
  uint64_t followed_ = 0;
  std::set<ReplicaId> routed_;
};

}  // namespace drover::sim
