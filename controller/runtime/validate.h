// Checks of a stack spec as it comes over the API: everything that a body made by hand, or by a
// faulty client, could get wrong, so that the core and the agents need not look again.
//
// compose/ finds most of this earlier, with lines and columns of the user's own file; this is the
// controller's own door.
#pragma once

#include <string>
#include <vector>

#include "drover/v1/cluster.pb.h"

namespace drover::controller {

// One entry a fault, "FIELD.PATH: what is wrong; what would be right", in the order of the spec.
// Field paths are those of the JSON form, with names of services, queues … instead of indexes where
// they have one. Empty: the spec is fine.
std::vector<std::string> SpecFaults(const v1::StackSpec& spec);

// The part for one service's container; `path` goes in front of every field.
void ContainerFaults(const v1::StackSpec& spec, const v1::ServiceSpec& service, const std::string& path,
                     std::vector<std::string>& faults);

// The part for a scaled service's `policy` and what only some families know: schedules, fallback, idle
// replicas.
void PolicyFaults(const v1::AutoscaleSpec& scale, const std::string& path, std::vector<std::string>& faults);

// The part for x-queues, but for the uniqueness of their names.
void QueueFaults(const v1::StackSpec& spec, std::vector<std::string>& faults);

// False when seconds and nanos are out of range, of different sign, or negative.
bool IsUsableDuration(const google::protobuf::Duration& duration);

}  // namespace drover::controller
