// What the words of a scenario script mean: numbers, times, services. A word that means nothing throws
// std::invalid_argument with the reason.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/replica_state.h"
#include "controller/core/spec.h"

namespace drover::controller {

using Words = std::vector<std::string>;

int64_t Number(const std::string& text);
Duration Time(const std::string& text);
// "key=value"; the value is empty where there is none.
std::pair<std::string, std::string> Option(const std::string& word);
// "web:replicas=3,listen=80": a service as `apply` takes it.
ServiceSpec ParseService(const std::string& word);
ReplicaState ParseState(const std::string& text);
// "shop/web"
ServiceKey ParseKey(const std::string& text);
// Its name, without what all of them begin with.
std::string NodeText(const NodeId& id);

}  // namespace drover::controller
