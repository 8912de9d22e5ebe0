// From desired to done, one service at a time: what is wanted minus what is there gives recalls,
// starts, replacements and stops (R5.1). Level-triggered: every review starts from the whole state of
// the service, so a lost occasion costs a round, not correctness.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/core/model.h"
#include "controller/core/probes.h"

namespace drover::controller {

// Reviews one service: lost and returned replicas, drains, desired count, rollout, starts and stops.
void ReviewService(Model& model, const Probes& probes, Service& service);

// Who is stopped first (R5.1): pending, old spec, starting, unready, known idle, unknown, busy with
// least work; then the younger; from the node with most of the service. All active replicas.
std::vector<ReplicaId> StopOrderOf(const Model& model, const Service& service);

// The newest word on a failed replica of the service: "OutOfMemory: shop-web-1 on a: …"; empty: none failed.
std::string FailureText(const Model& model, const Service& service);

// A draining replica that can serve again instead of a new one (R3.1).
bool CanBeRecalled(const Model& model, const Service& service, const Replica& replica);

// Work in hand as far as somebody knows: the replica itself or the edges; absent: unknown.
std::optional<int64_t> BusyOf(const Model& model, const Service& service, const Replica& replica);

}  // namespace drover::controller
