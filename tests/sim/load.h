// What the services are asked to do: jobs in a queue, requests at the balancers. Goes up and down in
// steps and spikes while faults are on, then falls to nothing, then is the same for a while.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/prng.h"
#include "tests/sim/engine.h"

namespace drover::sim {

class World;
class Host;

class Load {
 public:
  explicit Load(World* world);

  // Once a second: jobs arrive and are done by the workers that are ready.
  void Tick();
  // Another step of all curves.
  void Change();
  // So many times as much of everything, for a while.
  void Spike(Duration length);
  // No more work; the queue is measured again.
  void Stop();
  // The same load from now on: what is measured only changes with the number of replicas (invariant 8).
  void Hold();

  // Jobs that wait or are in hand.
  double depth() const { return depth_; }

  // Jobs of `depth` that workers have in hand.
  double held() const { return held_; }

  // The broker answers, refuses, or lets every question hang.
  enum class Broker { kAnswers, kRefuses, kHangs };

  Broker broker() const { return broker_; }

  void SetBroker(Broker broker) { broker_ = broker; }

  // Thousandths of a CPU that the container of `box` uses now.
  int64_t CpuOf(const Host& host, const Box& box) const;
  // Jobs that the worker of `box` has in hand.
  int64_t JobsOf(const Box& box) const;
  // Requests for `service` that one edge has at a time.
  double RequestsAt(const std::string& service) const;

 private:
  World* world_;
  Prng prng_;
  double depth_ = 0;
  double held_ = 0;
  double arrivals_ = 0;      // jobs per second
  int64_t web_milli_ = 300;  // CPU that the requests need
  int64_t ready_web_ = 0;
  double factor_ = 1;
  uint64_t spike_ = 0;
  bool constant_ = false;
  std::map<std::string, double> requests_;  // by service, over all edges
  std::map<ReplicaId, int64_t> jobs_;
  Broker broker_ = Broker::kAnswers;
};

}  // namespace drover::sim
