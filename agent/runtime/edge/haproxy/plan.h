// Which commands bring the slots of one backend to what is wanted. Pure: observed in, changes out.
// Servers are matched by address and port; which replica sits in which slot follows from that and is
// stored nowhere. Servers are never added or deleted (that can crash HAProxy 2.6), only pointed elsewhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/ports/edge.h"
#include "agent/runtime/edge/haproxy/runtime_api.h"

namespace drover::agent {

// A server of ours as read back, with its load.
struct Slot {
  ServerRow row;
  int64_t in_flight = 0;  // requests in it and queued for it, old workers included
};

struct SlotChange {
  enum class Kind { kAddress, kReady, kWeight, kMaint };

  Kind kind = Kind::kReady;
  std::string server;
  std::string address = "";  // kAddress
  uint32_t port = 0;
  int32_t weight = 0;  // kWeight; 0: the one of the configuration

  friend bool operator==(const SlotChange&, const SlotChange&) = default;
};

struct SlotPlan {
  std::vector<SlotChange> changes;  // in this order: entering replicas first, then leaving ones
  std::string error;                // not empty: some replicas found no slot
};

// "drv7" and the like: the only servers that are ours.
bool IsSlotName(absl::string_view name);

// True when the server takes new requests as far as its administrative state goes.
bool InRotation(const ServerRow& row);

// `wanted` with canonical addresses; `weighted`: their weights are kept too. Empty changes and no error:
// HAProxy is as wanted.
SlotPlan PlanSlots(const std::vector<EdgeBackend>& wanted, bool weighted, const std::vector<Slot>& slots);

// How the first `count` slots look once `wanted` is applied to `rows` (which may be empty or of another
// number): what the file says. Slots of replicas that are not wanted are free (port 1).
std::vector<ServerRow> PlannedRows(const std::vector<EdgeBackend>& wanted, bool weighted,
                                   const std::vector<ServerRow>& rows, uint32_t count);

// The runtime API's command for a change.
std::string CommandFor(const std::string& backend, const SlotChange& change);

}  // namespace drover::agent
