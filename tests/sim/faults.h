// What goes wrong: each kind again and again at random, until the world heals. A kind is one member
// function here and one row of the table in options.cc.
#pragma once

#include <cstdint>
#include <functional>

#include "common/prng.h"
#include "common/time.h"

namespace drover::sim {

class World;
class Host;

class Faults {
 public:
  explicit Faults(World* world);

  // From now on. Kinds that the options turn off never come.
  void Plan();
  // Calls `fault` on average every `mean` while faults are on; infinite: never.
  void Every(Duration mean, const std::function<void()>& fault);

  // How many there were.
  uint64_t done() const { return done_; }

 private:
  void PlanController();
  void PlanHosts();
  void PlanContainers();
  void PlanBalancers();
  void OldStore();
  void Partition();
  void Death();
  void CrashContainer();
  void Unhealthy();
  Host& AnyHost();
  Duration UpTo(Duration most);

  World* world_;
  Prng prng_;
  uint64_t done_ = 0;
};

}  // namespace drover::sim
