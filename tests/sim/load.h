// What the services are asked to do: jobs in a queue, requests at the balancers. Goes up and down in
// steps and spikes while faults are on, then falls to nothing.
#pragma once

#include <cstdint>

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
  // Another step of both curves.
  void Change();
  // No more work; the queue is measured again.
  void Stop();

  double depth() const { return depth_; }

  // The broker answers, refuses, or lets every question hang.
  enum class Broker { kAnswers, kRefuses, kHangs };

  Broker broker() const { return broker_; }

  void SetBroker(Broker broker) { broker_ = broker; }

  // Thousandths of a CPU that the container of `box` uses now.
  int64_t CpuOf(const Host& host, const Box& box) const;

 private:
  World* world_;
  Prng prng_;
  double depth_ = 0;
  double arrivals_ = 0;      // jobs per second
  int64_t web_milli_ = 300;  // CPU that the requests need
  int64_t ready_web_ = 0;
  Broker broker_ = Broker::kAnswers;
};

}  // namespace drover::sim
