#include "controller/core/health.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controller/core/drain.h"
#include "controller/core/evidence.h"
#include "controller/core/rollout.h"

namespace drover::controller {
namespace {

constexpr char kReason[] = "Unhealthy";
constexpr Duration kTogether = absl::Seconds(30);  // R2.6
// Health checks have retries of their own; the short while is for others that are about to fall too. A probe
// from outside has none, and is what a host under too much load fails first.
constexpr Duration kPatience = absl::Seconds(5);
constexpr Duration kPatienceWithProbes = absl::Seconds(30);
constexpr Duration kHealthFor = absl::Minutes(10);  // R3.6: after it the back-off begins anew
constexpr Duration kFirstWait = absl::Seconds(1);
constexpr Duration kLongestWait = absl::Minutes(5);
constexpr uint32_t kMostDoublings = 9;

Instant RipeAt(const Replica& replica) {
  return replica.since + (replica.detail.health == "unhealthy" ? kPatience : kPatienceWithProbes);
}

bool IsRipe(const Model& model, const Replica& replica) {
  return Unhealthy(replica) && model.now >= RipeAt(replica) && model.nodes.at(replica.record.node).up();
}

// When it fell; absent: it did not, or is past.
std::optional<Instant> FellAt(const Replica& replica) {
  if (Unhealthy(replica)) {
    return replica.since;
  }
  const bool leaving = replica.state == ReplicaState::kDraining || replica.state == ReplicaState::kStopping;
  return leaving && replica.record.reason == kReason ? std::optional(replica.drain_since) : std::nullopt;
}

void NoteSharedCause(Model& model, Service& service, bool shared) {
  if (service.shared_cause == shared) {
    return;
  }
  service.shared_cause = shared;
  model.BackendsChanged(service.key);
  if (shared && service.record.desired > 1) {
    model.Tell(
        {"service",
         "SharedCauseSuspected",
         absl::StrCat("most replicas of ", ToString(service.key),
                      " turned unhealthy together: they stay in the balancer, and one is replaced at a time"),
         service.key,
         {},
         {},
         true});
  }
}

// Whether those that are replaced had been healthy for long decides how soon the next may be (R3.6).
void RaiseBackoff(Model& model, Service& service, bool young) {
  if (!young) {
    service.unhealthy = 0;
    return;
  }
  const uint32_t doublings = std::min(service.unhealthy++, kMostDoublings);
  service.unhealthy_retry_at = model.now + std::min(kFirstWait * (1 << doublings), kLongestWait);
  model.WakeService(service.key, service.unhealthy_retry_at);
}

bool IsYoung(const Replica& replica) { return replica.since - replica.ready_since < kHealthFor; }

void KeepAndTell(Model& model, Service& service, const Replica& replica) {
  KeepFailure(model, service, replica, kReason);
  model.TellReplica(replica, "ReplicaUnhealthy",
                    absl::StrCat(Model::ContainerName(replica), " on ", model.NodeName(replica.record.node),
                                 " is not healthy any more; it is replaced"),
                    /*warning=*/true);
}

void StopUnhealthy(Model& model, Service& service, const std::vector<ReplicaId>& ids) {
  bool young = false;
  for (const ReplicaId id : ids) {
    const Replica& replica = model.replicas.at(id);
    young = young || IsYoung(replica);
    KeepAndTell(model, service, replica);
    BeginStop(model, id, {.reason = kReason, .forced = true});
  }
  RaiseBackoff(model, service, young);
}

}  // namespace

bool Unhealthy(const Replica& replica) {
  const bool since_before_the_restart = replica.recovered && replica.detail.health == "unhealthy";
  return replica.state == ReplicaState::kRunning && (replica.was_ready || since_before_the_restart);
}

bool SharedCause(const Model& model, const Service& service) {
  std::vector<Instant> falls;
  size_t all = 0;
  for (const ReplicaId id : service.replicas) {
    const Replica& replica = model.replicas.at(id);
    if (const std::optional<Instant> fell = FellAt(replica)) {
      falls.push_back(*fell);
    } else {
      all += replica.state == ReplicaState::kReady ? 1 : 0;
    }
  }
  if (falls.empty()) {
    return false;
  }
  all += falls.size();
  const Instant newest = *std::max_element(falls.begin(), falls.end());
  const auto together = static_cast<size_t>(std::count_if(
      falls.begin(), falls.end(), [newest](Instant fell) { return newest - fell <= kTogether; }));
  return 2 * together > all;
}

bool GivesWayUnhealthy(const Model& model, const Service& service, const Replica& replica) {
  return service.shared_cause && !OneOnly(*service.spec) && IsRipe(model, replica) &&
         model.now >= service.unhealthy_retry_at;
}

void ReviewHealth(Model& model, Service& service) {
  if (service.in(ReplicaState::kRunning) == 0) {
    NoteSharedCause(model, service, false);
    return;
  }
  std::vector<ReplicaId> ripe;
  bool any = false;
  for (const ReplicaId id : service.replicas) {
    const Replica& replica = model.replicas.at(id);
    if (IsRipe(model, replica)) {
      ripe.push_back(id);
    } else if (Unhealthy(replica) && model.now < RipeAt(replica)) {
      model.WakeService(service.key, RipeAt(replica));
    }
    any = any || Unhealthy(replica);
  }
  NoteSharedCause(model, service, any && SharedCause(model, service));
  if (ripe.empty()) {
    return;
  }
  const bool waits = model.now < service.unhealthy_retry_at;
  if (waits) {
    model.WakeService(service.key, service.unhealthy_retry_at);
  }
  if (!waits && (!service.shared_cause || OneOnly(*service.spec))) {
    StopUnhealthy(model, service, ripe);
    return;
  }
  service.blocked.push_back(
      absl::StrCat(service.shared_cause ? "SharedCauseSuspected: " : "Unhealthy: ", ripe.size(),
                   ripe.size() == 1 ? " replica is" : " replicas are", " not healthy any more",
                   waits ? "; those that took the place of others fell as well, so the next waits longer"
                         : "; one is replaced at a time"));
}

void NoteUnhealthyStopped(Model& model, Service& service, const Replica& replica) {
  KeepAndTell(model, service, replica);
  RaiseBackoff(model, service, IsYoung(replica));
}

}  // namespace drover::controller
