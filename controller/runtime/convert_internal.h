// What the source files of convert.h share; not for others.
#pragma once

#include <string>

#include "controller/core/spec.h"
#include "drover/v1/cluster.pb.h"
#include "google/protobuf/message.h"

namespace drover::controller {

// The same bytes for equal messages, also with maps in them.
std::string Deterministic(const google::protobuf::Message& message);

// One service of `stack`, whose lists are sorted by name.
ServiceSpec TranslateService(const v1::ServiceSpec& service, const v1::StackSpec& stack);

// Published on the replica's own node, not on the edges.
bool OnOwnHost(const v1::PortSpec& port);

}  // namespace drover::controller
