// What load balancers should route to (R6.1): one set per service and routed port, replaced whole,
// stamped with the epoch and a revision that is stored with the service.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "controller/core/model.h"

namespace drover::controller {

class Backends {
 public:
  explicit Backends(Model& model) : model_(model) {}

  // Makes the sets of services with news anew, raises the revision of those that changed and sends
  // the list to every connected edge whose part of it changed. Nothing is sent while a set is not
  // known (R2.4, R6.3).
  void Review(std::vector<Order>& orders);

 private:
  // Of a set by its container port and attached backend; made at first.
  uint32_t HandleOf(Service& service, const std::pair<uint32_t, std::string>& set);
  void ReviewService(Service& service);
  void Send(Node& edge, std::vector<Order>& orders);

  Model& model_;
  std::set<ServiceKey> with_sets_;
  std::set<ServiceKey> unknown_;
  uint32_t next_handle_ = 1;
  uint64_t list_revision_ = 0;
};

// Container slots of a set: max + surge + 10 %, and one more (R6.5).
uint32_t SlotsFor(const ServiceSpec& spec, int64_t desired);

}  // namespace drover::controller
