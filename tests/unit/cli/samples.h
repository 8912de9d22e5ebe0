// Answers of a controller with one stack: a scaled web service with a queue worker and a database.
#pragma once

#include "drover/v1/api.pb.h"

namespace drover::cli {

v1::ListServicesResponse SampleServices();
v1::ListStacksResponse SampleStacks();
v1::ListReplicasResponse SampleReplicas();
v1::WhyResponse SampleWhy();
v1::ListEventsResponse SampleEvents();
v1::NodeChangeResponse SampleMoves();
v1::ListNodesResponse SampleNodes();
v1::VersionInfo SampleVersion();
v1::ApplyStackResponse SampleApply();

}  // namespace drover::cli
