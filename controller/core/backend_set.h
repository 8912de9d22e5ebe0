// Where the requests for one container port of a service may go: what edges are sent (Ready) and what
// consumers that pull read from the view.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/ids.h"
#include "controller/core/spec.h"

namespace drover::controller {

struct Backend {
  ReplicaId replica;
  std::string address;
  uint32_t port = 0;
  bool drain = false;
  uint32_t weight = 1;  // 1 to 256

  friend bool operator==(const Backend&, const Backend&) = default;
};

struct BackendSet {
  uint32_t handle = 0;
  ServiceKey service;
  uint32_t target = 0;  // container port
  Epoch epoch;
  Revision revision;
  std::vector<ListenerSpec> listeners;
  bool http = false;
  uint32_t slots = 0;  // max + surge + 10 % (R6.5)
  uint32_t maxconn = 0;
  TrafficSpec traffic;
  std::vector<Backend> backends;  // sorted by replica id
  std::string attach;
  Duration hold;  // keep requests for so long while there is no backend; zero: do not
  uint32_t max_held = 0;

  friend bool operator==(const BackendSet&, const BackendSet&) = default;
};

}  // namespace drover::controller
