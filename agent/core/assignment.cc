#include "agent/core/assignment.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace drover::agent {
namespace {

// R1.4: at least this many, and more than half.
constexpr size_t kMassRemovalFloor = 3;

template <typename T, typename Key, typename Of>
const T* FindSorted(const std::vector<T>& list, const Key& key, Of of) {
  const auto it = std::lower_bound(list.begin(), list.end(), key,
                                   [&](const T& entry, const Key& k) { return of(entry) < k; });
  return it != list.end() && of(*it) == key ? &*it : nullptr;
}

template <typename Map>
auto Values(Map map) {
  std::vector<typename Map::mapped_type> values;
  values.reserve(map.size());
  for (auto& [key, value] : map) {
    values.push_back(std::move(value));
  }
  return values;
}

std::string Stamp(Epoch epoch, Revision revision) {
  return absl::StrCat("epoch ", epoch.value(), " revision ", revision.value());
}

bool IsStale(const HeldAssignment& held, const Assignment& a) {
  if (a.epoch < held.highest_epoch) {
    return true;
  }
  return a.epoch == held.epoch && a.revision < held.revision;
}

HeldAssignment Merge(const HeldAssignment& held, const Assignment& a) {
  const bool full = a.base_revision.value() == 0;
  std::map<ReplicaId, RunReplica> run;
  std::map<ReplicaId, RemoveReplica> remove;
  if (!full) {
    for (const RunReplica& r : held.run) {
      run[r.id] = r;
    }
    for (const RemoveReplica& r : held.remove) {
      remove[r.id] = r;
    }
  }
  for (const RunReplica& r : a.run) {
    run[r.id] = r;
    remove.erase(r.id);
  }
  for (const RemoveReplica& r : a.remove) {
    remove[r.id] = r;
    run.erase(r.id);
  }
  for (const ReplicaId id : a.forget) {
    run.erase(id);
    remove.erase(id);
  }
  HeldAssignment next = held;
  next.cluster = a.cluster;
  next.highest_epoch = std::max(held.highest_epoch, a.epoch);
  next.epoch = a.epoch;
  next.revision = a.revision;
  next.run = Values(std::move(run));
  next.remove = Values(std::move(remove));
  return next;
}

// A context is kept while `run` names it, or while a replica that is to be removed may need its grace.
void MergeContexts(const HeldAssignment& held, const Assignment& a, const NodeFacts& facts,
                   HeldAssignment& next) {
  std::map<std::string, ServiceContext> contexts;
  for (const ServiceContext& c : held.contexts) {
    contexts[c.spec_hash] = c;
  }
  for (const ServiceContext& c : a.contexts) {
    contexts[c.spec_hash] = c;
  }
  std::set<std::string> needed;
  for (const RunReplica& r : next.run) {
    needed.insert(r.spec_hash);
  }
  for (const RemoveReplica& r : next.remove) {
    if (const RunReplica* was = FindRun(held, r.id)) {
      needed.insert(was->spec_hash);
    }
  }
  if (!facts.keep_all_contexts) {
    std::erase_if(contexts, [&](const auto& entry) {
      return !needed.contains(entry.first) && !facts.used_specs.contains(entry.first);
    });
  }
  next.contexts = Values(std::move(contexts));
}

// Empty when allowed, else what is wrong (R1.4).
std::string MassRemoval(const HeldAssignment& held, const HeldAssignment& next,
                        const std::set<ReplicaId>& here) {
  size_t counted = 0;
  size_t removed = 0;
  for (const ReplicaId id : here) {
    if (FindRemove(held, id) != nullptr) {
      continue;
    }
    ++counted;
    const RemoveReplica* remove = FindRemove(next, id);
    if (remove != nullptr && !remove->operator_change) {
      ++removed;
    }
  }
  if (removed < kMassRemovalFloor || removed * 2 <= counted) {
    return "";
  }
  return absl::StrCat(
      "would remove ", removed, " of the ", counted,
      " replicas here at once without an operator's change; nothing of it is obeyed. At most half "
      "may be removed by one assignment");
}

}  // namespace

const RunReplica* FindRun(const HeldAssignment& held, ReplicaId id) {
  return FindSorted(held.run, id, [](const RunReplica& r) { return r.id; });
}

const RemoveReplica* FindRemove(const HeldAssignment& held, ReplicaId id) {
  return FindSorted(held.remove, id, [](const RemoveReplica& r) { return r.id; });
}

const ServiceContext* FindContext(const HeldAssignment& held, const std::string& spec_hash) {
  return FindSorted(held.contexts, spec_hash, [](const ServiceContext& c) { return c.spec_hash; });
}

Judgement JudgeAssignment(const HeldAssignment& held, const Assignment& a, const NodeFacts& facts) {
  Judgement result;
  if (a.cluster.value().empty() || (!held.cluster.value().empty() && a.cluster != held.cluster)) {
    result.verdict = Verdict::kClusterMismatch;
    result.message = absl::StrCat("assignment of cluster '", a.cluster.value(),
                                  "' refused: this node belongs to '", held.cluster.value(), "'");
    return result;
  }
  if (IsStale(held, a)) {
    result.verdict = Verdict::kStale;
    result.message =
        absl::StrCat("assignment of ", Stamp(a.epoch, a.revision), " refused: held is ",
                     Stamp(held.epoch, held.revision), ", highest epoch seen ", held.highest_epoch.value());
    return result;
  }
  const bool delta = a.base_revision.value() != 0;
  if (delta && a.epoch == held.epoch && a.revision == held.revision) {
    result.verdict = Verdict::kDuplicate;
    return result;
  }
  if (delta && (a.base_epoch != held.epoch || a.base_revision != held.revision)) {
    result.verdict = Verdict::kOtherBase;
    result.message = absl::StrCat("delta on ", Stamp(a.base_epoch, a.base_revision), ", held is ",
                                  Stamp(held.epoch, held.revision));
    return result;
  }
  HeldAssignment next = Merge(held, a);
  MergeContexts(held, a, facts, next);
  if (delta && std::any_of(next.run.begin(), next.run.end(),
                           [&](const RunReplica& r) { return FindContext(next, r.spec_hash) == nullptr; })) {
    result.verdict = Verdict::kOtherBase;
    result.message = "the delta names a spec that is not held";
    return result;
  }
  result.message = MassRemoval(held, next, facts.here);
  if (!result.message.empty()) {
    result.verdict = Verdict::kMassRemoval;
    result.message = absl::StrCat("assignment of ", Stamp(a.epoch, a.revision), " ", result.message);
    return result;
  }
  result.next = std::move(next);
  return result;
}

}  // namespace drover::agent
