#include "controller/core/room.h"

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/core/drain.h"
#include "controller/core/plan.h"

namespace drover::controller {
namespace {

// Nodes whose replicas are weighed against each other in one round, the roomiest; further ones have their
// turn when these have given.
constexpr size_t kNodesWeighed = 64;
constexpr size_t kHoldersNamed = 4;
// Of a service: `max` may not be more.
constexpr int64_t kMostReplicas = 100'000;

struct Victim {
  ReplicaId id;
  NodeId node;
  ServiceKey service;
  bool busy = false;  // or unknown
  int32_t priority = 0;
  int64_t work = 0;
  Instant since;
  Resources reserved;
};

// What giving room on one node would cost.
struct Gift {
  int64_t busy = 0;
  int32_t priority = std::numeric_limits<int32_t>::min();  // highest
  size_t count = 0;
  NodeId node;
  std::vector<Victim> victims;

  friend bool operator<(const Gift& a, const Gift& b) {
    return std::tie(a.busy, a.priority, a.count, a.node) < std::tie(b.busy, b.priority, b.count, b.node);
  }
};

bool MayGive(const Service& service, const Service& taker) {
  return service.spec && !service.retired && service.spec->autoscale && !service.spec->autoscale->dry_run &&
         service.spec->priority < taker.spec->priority && !service.record.paused && !service.record.held;
}

class Taking {
 public:
  Taking(Model& model, const Service& taker)
      : model_(model), taker_(taker), need_(model.ReservationOf(taker)) {
    for (const auto& [key, service] : model.services) {
      const int64_t above = MayGive(service, taker) ? PlacedCount(service) - service.spec->autoscale->min : 0;
      if (above > 0) {
        surplus_[key] = above;
      }
    }
  }

  bool HasGivers() const { return !surplus_.empty(); }

  // How many replicas the room that is leaving these nodes will do for.
  int64_t Coming(const std::vector<NodeId>& nodes) {
    int64_t coming = 0;
    for (const NodeId& id : nodes) {
      const Node& node = model_.nodes.at(id);
      Resources room = node.record.capacity - node.reserved + LeavingRoom(model_, node);
      const int64_t most = MostOn(node);
      int64_t fits = 0;
      while (fits < most && Fits(need_, room)) {
        room = room - need_;
        ++fits;
      }
      coming += fits;
      if (fits < most) {
        left_[id] = room;
        most_[id] = most - fits;
      }
    }
    return coming;
  }

  void Take(int64_t wanted) {
    const auto left_before = left_;
    const auto most_before = most_;
    Weigh();
    std::vector<Victim> chosen;
    for (int64_t lacking = wanted; lacking > 0 && !gifts_.empty();) {
      const Gift gift = *gifts_.begin();
      gifts_.erase(gifts_.begin());
      // Others may have given in the meantime what this one counts on.
      Gift now = GiftOf(gift.node);
      if (now.victims.empty()) {
        continue;
      }
      if (gift < now) {
        gifts_.insert(std::move(now));
        continue;
      }
      Resources& left = left_.at(now.node);
      for (const Victim& victim : now.victims) {
        left = left + victim.reserved;
        --surplus_.at(victim.service);
        taken_.insert(victim.id);
        chosen.push_back(victim);
      }
      const int64_t fits = std::min(lacking, TimesIn(left, now.node));
      left = Less(left, fits);
      most_.at(now.node) -= fits;
      lacking -= fits;
      Offer(now.node);
    }
    left_ = left_before;
    most_ = most_before;
    for (const Victim& victim : Needed(std::move(chosen), wanted)) {
      Give(victim);
    }
  }

 private:
  int64_t MostOn(const Node& node) const {
    const ServiceSpec& spec = *taker_.spec;
    if (spec.global || !spec.host_ports.empty() || spec.pinned() || spec.singleton) {
      return 1;
    }
    if (spec.max_per_node == 0) {
      return kMostReplicas;
    }
    const auto here = std::count_if(node.replicas.begin(), node.replicas.end(), [this](ReplicaId id) {
      const Replica& replica = model_.replicas.at(id);
      return replica.record.service == taker_.key && HoldsReservation(replica.state);
    });
    return int64_t{spec.max_per_node} - here;
  }

  // Into how many replicas of the taker the room on the node divides.
  int64_t TimesIn(Resources room, const NodeId& node) const {
    int64_t times = 0;
    for (; times < most_.at(node) && Fits(need_, room); room = room - need_) {
      ++times;
    }
    return times;
  }

  Resources Less(Resources room, int64_t times) const {
    return room - Resources{MilliCpu(need_.cpu.value() * times), Bytes(need_.memory.value() * times)};
  }

  // Without those that turned out to be too many: what a later one gave besides made up for them.
  std::vector<Victim> Needed(std::vector<Victim> chosen, int64_t wanted) {
    std::map<NodeId, Resources> rooms;
    for (const Victim& victim : chosen) {
      Resources& room = rooms.try_emplace(victim.node, left_.at(victim.node)).first->second;
      room = room + victim.reserved;
    }
    int64_t all = 0;
    for (const auto& [node, room] : rooms) {
      all += TimesIn(room, node);
    }
    const int64_t enough = std::min(all, wanted);
    for (auto last = chosen.size(); last-- > 0;) {
      Resources& room = rooms.at(chosen[last].node);
      const Resources without = room - chosen[last].reserved;
      const int64_t loss = TimesIn(room, chosen[last].node) - TimesIn(without, chosen[last].node);
      if (all - loss >= enough) {
        all -= loss;
        room = without;
        chosen.erase(chosen.begin() + static_cast<std::ptrdiff_t>(last));
      }
    }
    return chosen;
  }

  // Victims by node, and what each node's gift would be.
  void Weigh() {
    for (const auto& [key, above] : surplus_) {
      for (const ReplicaId id : model_.services.at(key).replicas) {
        const Replica& replica = model_.replicas.at(id);
        if (IsActive(replica.state) && left_.contains(replica.record.node)) {
          on_node_[replica.record.node].push_back(id);
        }
      }
    }
    std::vector<std::pair<int64_t, NodeId>> roomiest;
    for (const auto& [node, ids] : on_node_) {
      Resources room = left_.at(node);
      for (const ReplicaId id : ids) {
        room = room + model_.replicas.at(id).record.reserved;
      }
      if (Fits(need_, room)) {
        const Resources left = left_.at(node);
        const int64_t cpu = need_.cpu.value() > 0 ? left.cpu.value() * 1000 / need_.cpu.value() : 1000;
        roomiest.emplace_back(-cpu, node);
      }
    }
    std::sort(roomiest.begin(), roomiest.end());
    roomiest.resize(std::min(roomiest.size(), kNodesWeighed));
    for (const auto& [order, node] : roomiest) {
      Offer(node);
    }
  }

  void Offer(const NodeId& node) {
    if (most_.at(node) == 0) {
      return;
    }
    if (Gift gift = GiftOf(node); !gift.victims.empty()) {
      gifts_.insert(std::move(gift));
    }
  }

  std::vector<Victim> VictimsOn(const NodeId& node) const {
    std::vector<Victim> victims;
    for (const ReplicaId id : on_node_.at(node)) {
      const Replica& replica = model_.replicas.at(id);
      if (taken_.contains(id)) {
        continue;
      }
      const Service& service = model_.services.at(replica.record.service);
      const std::optional<int64_t> work = BusyOf(model_, service, replica);
      victims.push_back({.id = id,
                         .node = node,
                         .service = service.key,
                         .busy = replica.state == ReplicaState::kReady && work != 0,
                         .priority = service.spec->priority,
                         .work = work.value_or(0),
                         .since = replica.since,
                         .reserved = replica.record.reserved});
    }
    std::sort(victims.begin(), victims.end(), [](const Victim& a, const Victim& b) {
      return std::tuple(a.busy, a.priority, a.work, b.since, a.id) <
             std::tuple(b.busy, b.priority, b.work, a.since, b.id);
    });
    return victims;
  }

  // The first of them whose room together will do, without those that the rest can do without. Empty: all
  // that may go would not be enough.
  Gift GiftOf(const NodeId& node) const {
    Gift gift;
    gift.node = node;
    Resources room = left_.at(node);
    std::map<ServiceKey, int64_t> surplus = surplus_;
    for (Victim& victim : VictimsOn(node)) {
      if (Fits(need_, room)) {
        break;
      }
      if (int64_t& above = surplus[victim.service]; above > 0) {
        --above;
        room = room + victim.reserved;
        gift.victims.push_back(std::move(victim));
      }
    }
    if (!Fits(need_, room)) {
      gift.victims.clear();
      return gift;
    }
    for (auto last = gift.victims.size(); last-- > 0;) {
      if (const Resources without = room - gift.victims[last].reserved; Fits(need_, without)) {
        room = without;
        gift.victims.erase(gift.victims.begin() + static_cast<std::ptrdiff_t>(last));
      }
    }
    for (const Victim& victim : gift.victims) {
      gift.busy += victim.busy ? 1 : 0;
      gift.priority = std::max(gift.priority, victim.priority);
    }
    gift.count = gift.victims.size();
    return gift;
  }

  void Give(const Victim& victim) {
    const Replica& replica = model_.replicas.at(victim.id);
    model_.TellReplica(
        replica, kGivesRoom,
        absl::StrCat(Model::ContainerName(replica), " on ", model_.NodeName(replica.record.node),
                     " drains and gives its room to ", ToString(taker_.key), " (priority ",
                     taker_.spec->priority, ", its own ", victim.priority, ")"));
    BeginStop(model_, victim.id, {.reason = kGivesRoom});
  }

  Model& model_;
  const Service& taker_;
  const Resources need_;
  std::map<ServiceKey, int64_t> surplus_;  // of services of lower priority: replicas above their min
  std::map<NodeId, Resources> left_;       // room of nodes that could take more, what is leaving included
  std::map<NodeId, int64_t> most_;         // so many more may be on that node
  std::map<NodeId, std::vector<ReplicaId>> on_node_;
  std::set<ReplicaId> taken_;
  std::set<Gift> gifts_;
};

std::string Shares(const std::map<ServiceKey, int64_t>& counts) {
  return absl::StrJoin(counts, ", ", [](std::string* out, const auto& entry) {
    absl::StrAppend(out, entry.second, " of ", ToString(entry.first));
  });
}

// What leaves these nodes already, by service.
std::map<ServiceKey, int64_t> LeavingOf(const Model& model, const std::vector<NodeId>& nodes) {
  std::map<ServiceKey, int64_t> leaving;
  for (const NodeId& id : nodes) {
    for (const ReplicaId replica_id : model.nodes.at(id).replicas) {
      const Replica& replica = model.replicas.at(replica_id);
      if (replica.state == ReplicaState::kDraining || replica.state == ReplicaState::kStopping) {
        ++leaving[replica.record.service];
      }
    }
  }
  return leaving;
}

std::string HolderText(const Model& model, const ServiceKey& key, Resources held) {
  std::string text = absl::StrCat(ToString(key), " (", CpuText(held.cpu), ", ", MemoryText(held.memory));
  auto service = model.services.find(key);
  if (service != model.services.end() && service->second.spec) {
    const ServiceSpec& spec = *service->second.spec;
    absl::StrAppend(&text, ", priority ", spec.priority,
                    spec.autoscale ? absl::StrCat(", min ", spec.autoscale->min) : ", not scaled");
  }
  return absl::StrCat(text, ")");
}

// Who has most of it.
std::string HoldersText(const Model& model, const std::vector<NodeId>& nodes) {
  std::map<ServiceKey, Resources> held;
  for (size_t i = 0; i < std::min(nodes.size(), kNodesWeighed); ++i) {
    for (const ReplicaId id : model.nodes.at(nodes[i]).replicas) {
      const Replica& replica = model.replicas.at(id);
      if (HoldsReservation(replica.state)) {
        Resources& sum = held[replica.record.service];
        sum = sum + replica.record.reserved;
      }
    }
  }
  std::vector<std::pair<ServiceKey, Resources>> holders(held.begin(), held.end());
  std::stable_sort(holders.begin(), holders.end(), [](const auto& a, const auto& b) {
    return std::pair(b.second.cpu, b.second.memory) < std::pair(a.second.cpu, a.second.memory);
  });
  std::vector<std::string> parts;
  for (const auto& [key, sum] : holders) {
    if (parts.size() == kHoldersNamed) {
      parts.push_back(absl::StrCat(holders.size() - parts.size(), " more"));
      break;
    }
    parts.push_back(HolderText(model, key, sum));
  }
  return parts.empty() ? "" : absl::StrCat("room is held by ", absl::StrJoin(parts, ", "));
}

}  // namespace

std::string TakeRoom(Model& model, const Service& taker, int64_t wanted,
                     const std::vector<std::pair<NodeId, Exclusion>>& excluded) {
  std::vector<NodeId> nodes;
  for (const auto& [id, exclusion] : excluded) {
    if (exclusion.short_of_room()) {
      nodes.push_back(id);
    }
  }
  std::sort(nodes.begin(), nodes.end());
  if (nodes.empty()) {
    return "";
  }
  Taking taking(model, taker);
  const bool may_take = model.settled && !model.frozen() && taking.HasGivers();
  const int64_t coming = may_take ? taking.Coming(nodes) : 0;
  if (may_take && coming < wanted) {
    taking.Take(wanted - coming);
  }
  if (const std::map<ServiceKey, int64_t> leaving = LeavingOf(model, nodes); !leaving.empty()) {
    return absl::StrCat("room is on its way: ", Shares(leaving), " leaving");
  }
  return HoldersText(model, nodes);
}

void NoteShortOfRoom(Model& model, const Service& service, bool is_short) {
  if (is_short) {
    model.short_of_room.insert(service.key);
  } else if (model.short_of_room.erase(service.key) > 0) {
    model.RoomChanged();
  }
}

}  // namespace drover::controller
