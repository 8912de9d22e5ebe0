#include "agent/runtime/edge/haproxy/server_counts.h"

#include <algorithm>

#include "common/address.h"

namespace drover::agent {

void ServerCounts::Fold(const std::string& backend, uint64_t instance, const std::vector<SlotCounters>& slots,
                        const EdgeSet& set, EdgeSetState& state) {
  const auto [it, fresh] = backends_.try_emplace(backend);
  Backend& known = it->second;
  if (known.instance != instance) {
    for (auto& [name, count] : known.slots) {
      count = Count();
    }
    known.instance = instance;
  }
  for (const SlotCounters& slot : slots) {
    const auto [last, unread] = known.slots.try_emplace(slot.name);
    if (!(fresh && unread)) {
      Count& sum = known.targets[slot.target];
      sum.requests += slot.requests - std::min(slot.requests, last->second.requests);
      sum.errors += slot.errors - std::min(slot.errors, last->second.errors);
    }
    last->second = {slot.requests, slot.errors};
  }
  std::map<std::string, Count> targets;
  for (const EdgeBackend& wanted : set.backends) {
    const std::string target = HostPort(wanted.address, wanted.port);
    const Count count = targets[target] = known.targets[target];
    const auto server =
        std::find_if(state.servers.begin(), state.servers.end(),
                     [&](const EdgeServerState& one) { return one.replica == wanted.replica; });
    if (server != state.servers.end()) {
      server->requests_total = count.requests;
      server->errors_total = count.errors;
    }
  }
  known.targets = std::move(targets);
}

}  // namespace drover::agent
