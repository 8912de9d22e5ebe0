// How replicas failed, kept beyond their containers and the controller's own life (R3.6): the last three of a
// service, for a day.
#pragma once

#include <string>
#include <vector>

#include "controller/core/model.h"

namespace drover::controller {

// Keeps what is known of the replica's end: what its agent said last, with its last log lines. `reason`
// stands above the agent's; empty: the agent's. What is kept of the same replica already is renewed.
void KeepFailure(Model& model, Service& service, const Replica& replica, const std::string& reason = "");

// Its process ended badly: an exit code other than 0, or for lack of memory.
bool EndedBadly(const Replica& replica);

// Those of the record that are not too old at `wall`, newest last.
std::vector<FailureRecord> RecentFailures(const ServiceRecord& record, absl::Time wall);

}  // namespace drover::controller
