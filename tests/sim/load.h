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

  bool queue_away() const { return queue_away_; }

  void SetQueueAway(bool away) { queue_away_ = away; }

  // Thousandths of a CPU that the container of `box` uses now.
  int64_t CpuOf(const Host& host, const Box& box) const;

 private:
  World* world_;
  Prng prng_;
  double depth_ = 0;
  double arrivals_ = 0;      // jobs per second
  int64_t web_milli_ = 300;  // CPU that the requests need
  int64_t ready_web_ = 0;
  bool queue_away_ = false;
};

}  // namespace drover::sim
