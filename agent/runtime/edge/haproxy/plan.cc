#include "agent/runtime/edge/haproxy/plan.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace drover::agent {
namespace {

// srv_admin_state: forced and inherited maintenance, unresolved name, forced and inherited drain. 4 is
// only "the file says disabled" and stays set for ever.
constexpr uint32_t kOutMask = 1 | 2 | 8 | 16 | 32;
constexpr uint32_t kMaintMask = 1 | 2 | 32;

using Kind = SlotChange::Kind;

bool SameTarget(const EdgeBackend& backend, const ServerRow& row) {
  return backend.port == row.port && backend.address == row.address;
}

// Slots that may be pointed elsewhere, best first: never used before, then idle, then any out of rotation.
std::vector<const Slot*> FreeSlots(const std::vector<Slot>& slots, const std::set<const Slot*>& taken) {
  std::vector<const Slot*> free;
  for (const Slot& slot : slots) {
    if (taken.count(&slot) == 0) {
      free.push_back(&slot);
    }
  }
  const auto rank = [](const Slot* slot) {
    if (InRotation(slot->row)) {
      return 3;
    }
    if (slot->in_flight > 0) {
      return 2;
    }
    return slot->row.port == 1 ? 0 : 1;
  };
  std::stable_sort(free.begin(), free.end(), [&](const Slot* a, const Slot* b) { return rank(a) < rank(b); });
  return free;
}

// Without weights of ours only one by which nothing would come is mended.
void MendWeight(const EdgeBackend& backend, bool weighted, const ServerRow& row,
                std::vector<SlotChange>& changes) {
  const auto weight = static_cast<int32_t>(backend.weight);
  if (weighted && row.user_weight != weight) {
    changes.push_back({.kind = Kind::kWeight, .server = row.name, .weight = weight});
  } else if (!weighted && row.user_weight == 0 && row.initial_weight > 0) {
    changes.push_back({.kind = Kind::kWeight, .server = row.name});
  }
}

}  // namespace

bool IsSlotName(absl::string_view name) {
  uint32_t number = 0;
  return absl::ConsumePrefix(&name, "drv") && absl::SimpleAtoi(name, &number) && number > 0;
}

bool InRotation(const ServerRow& row) { return (row.admin_state & kOutMask) == 0; }

SlotPlan PlanSlots(const std::vector<EdgeBackend>& wanted, bool weighted, const std::vector<Slot>& slots) {
  std::vector<SlotChange> enter;
  std::vector<SlotChange> leave;
  std::set<const Slot*> taken;
  std::vector<const EdgeBackend*> homeless;
  for (const EdgeBackend& backend : wanted) {
    const auto it = std::find_if(slots.begin(), slots.end(), [&](const Slot& slot) {
      return SameTarget(backend, slot.row) && taken.count(&slot) == 0;
    });
    if (it == slots.end()) {
      if (!backend.drain) {
        homeless.push_back(&backend);
      }
      continue;
    }
    taken.insert(&*it);
    if (backend.drain) {
      if ((it->row.admin_state & kMaintMask) == 0) {
        leave.push_back({.kind = Kind::kMaint, .server = it->row.name});
      }
      continue;
    }
    MendWeight(backend, weighted, it->row, enter);
    if (!InRotation(it->row)) {
      enter.push_back({.kind = Kind::kReady, .server = it->row.name});
    }
  }

  // A slot still in rotation for a replica that is not wanted is freed first, which only happens when
  // no other is left; its commands then go last so that the entering ones still come first.
  std::vector<SlotChange> late;
  const std::vector<const Slot*> free = FreeSlots(slots, taken);
  size_t next = 0;
  for (const EdgeBackend* backend : homeless) {
    if (next == free.size()) {
      break;
    }
    const Slot* slot = free[next++];
    taken.insert(slot);
    std::vector<SlotChange>& target = InRotation(slot->row) ? late : enter;
    if (InRotation(slot->row)) {
      leave.push_back({.kind = Kind::kMaint, .server = slot->row.name});
    }
    target.push_back({.kind = Kind::kAddress,
                      .server = slot->row.name,
                      .address = backend->address,
                      .port = backend->port});
    MendWeight(*backend, weighted, slot->row, target);
    target.push_back({.kind = Kind::kReady, .server = slot->row.name});
  }
  for (const Slot& slot : slots) {
    if (taken.count(&slot) == 0 && (slot.row.admin_state & kMaintMask) == 0) {
      leave.push_back({.kind = Kind::kMaint, .server = slot.row.name});
    }
  }

  // Addresses first: whoever runs the changes waits for the answers to them once.
  const auto is_address = [](const SlotChange& change) { return change.kind == Kind::kAddress; };
  std::stable_partition(enter.begin(), enter.end(), is_address);
  std::stable_partition(late.begin(), late.end(), is_address);
  SlotPlan plan;
  plan.changes = std::move(enter);
  plan.changes.insert(plan.changes.end(), leave.begin(), leave.end());
  plan.changes.insert(plan.changes.end(), late.begin(), late.end());
  if (next < homeless.size()) {
    plan.error =
        absl::StrCat(homeless.size() - next, " of ", wanted.size(),
                     " replicas found no slot: the backend has only ", slots.size(), " servers drv1…drvN");
  }
  return plan;
}

std::vector<ServerRow> PlannedRows(const std::vector<EdgeBackend>& wanted, bool weighted,
                                   const std::vector<ServerRow>& rows, uint32_t count) {
  std::map<std::string, const ServerRow*> by_name;
  for (const ServerRow& row : rows) {
    by_name.emplace(row.name, &row);
  }
  std::vector<Slot> slots;
  std::map<std::string, size_t> numbers;
  for (uint32_t i = 1; i <= count; ++i) {
    const std::string name = absl::StrCat("drv", i);
    const auto row = by_name.find(name);
    const bool known = row != by_name.end() &&
                       std::any_of(wanted.begin(), wanted.end(),
                                   [&](const EdgeBackend& b) { return SameTarget(b, *row->second); });
    numbers.emplace(name, slots.size());
    slots.push_back({.row = known ? *row->second : ServerRow{name, "127.0.0.1", 1, 0, 1}});
  }
  for (const SlotChange& change : PlanSlots(wanted, weighted, slots).changes) {
    Slot* const slot = &slots[numbers.at(change.server)];
    if (change.kind == Kind::kAddress) {
      slot->row.address = change.address;
      slot->row.port = change.port;
    } else if (change.kind == Kind::kWeight) {
      slot->row.user_weight = change.weight > 0 ? change.weight : slot->row.initial_weight;
    } else {
      slot->row.admin_state = change.kind == Kind::kMaint ? 1 : 0;
    }
  }
  std::vector<ServerRow> out;
  for (Slot& slot : slots) {
    out.push_back(std::move(slot.row));
  }
  return out;
}

std::string CommandFor(const std::string& backend, const SlotChange& change) {
  const std::string server = absl::StrCat("set server ", backend, "/", change.server);
  switch (change.kind) {
    case Kind::kAddress:
      return absl::StrCat(server, " addr ", change.address, " port ", change.port);
    case Kind::kReady:
      return absl::StrCat(server, " state ready");
    case Kind::kWeight:
      return change.weight > 0 ? absl::StrCat(server, " weight ", change.weight)
                               : absl::StrCat(server, " weight 100%");
    case Kind::kMaint:
      return absl::StrCat(server, " state maint");
  }
  return {};
}

}  // namespace drover::agent
