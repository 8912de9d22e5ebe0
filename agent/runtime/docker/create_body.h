// ServiceContext + replica → what the Docker Engine is asked to create. Pure: the golden tests of the
// mapping need no engine. Every field of ContainerSpec is either mapped here, done by the executor
// (pre_stop, post_start, pull_policy, files, stop_grace_period), or a fault.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/core/event.h"
#include "common/ids.h"
#include "drover/v1/agent.pb.h"

namespace drover::agent::docker {

struct ReplicaToCreate {
  ReplicaId replica;
  ClusterId cluster;
  Epoch epoch;                           // of the order
  uint32_t number = 0;                   // slot
  std::string image;                     // exact image to start
  std::vector<PublishedPort> published;  // on `advertise_address`
  std::string node;                      // the node's name
  std::string advertise_address;
  std::map<std::string, std::string> files;  // FileMount.file → path on this host
  int api_minor = 41;                        // of the engine's API in use
};

// The JSON body of POST /containers/create: object keys sorted, two runs give the same text.
std::string CreateBody(const v1::ServiceContext& context, const ReplicaToCreate& replica);

// Networks to join after creation, because an engine before API 1.44 takes one at creation: engine name
// and the JSON of the EndpointSettings. In order.
struct Endpoint {
  std::string network;
  std::string settings;
};

std::vector<Endpoint> MoreNetworks(const v1::ServiceContext& context);

// STACK-SERVICE-NUMBER, or container_name. `attempt` 0 is the plain name; 1, 2, … append "-2", "-3", …
// when a foreign container holds it.
std::string ContainerName(const v1::ServiceContext& context, uint32_t number, int attempt);

// What was asked for in `body` and is not in the engine's `inspected` JSON, or is another value there:
// the engine ignores what it does not know. One "HostConfig.Memory" each; empty: all there.
std::vector<std::string> Dropped(const std::string& body, const std::string& inspected);

}  // namespace drover::agent::docker
