// After the faults: everything comes to what was asked, each kind of thing within a time of its own
// (invariant 9); then the load is the same for a while, and the numbers of replicas settle and stay
// (invariant 8).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/time.h"

namespace drover::sim {

class World;

class Aftermath {
 public:
  explicit Aftermath(World* world);

  // False: an invariant is broken, see the world's sink.
  bool Converge();
  bool Settle();

  // How long each kind took to be right for good, for the summary; the longest over all is what the
  // limits are chosen by.
  const std::map<std::string, Duration>& took() const { return took_; }

 private:
  // One kind of thing: empty when all is as it should be, else the first that is not.
  struct Kind;
  static const Kind kKinds[];

  std::string Controller() const;
  std::string Operator() const;
  std::string Nodes() const;
  std::string Leftovers() const;
  std::string Single() const;
  std::string Counts() const;
  std::string Task() const;
  std::string Balancers() const;
  std::string NotAt(const std::string& service, int64_t expected) const;
  bool DataIsGone() const;

  World* world_;
  std::map<std::string, Duration> took_;
};

}  // namespace drover::sim
