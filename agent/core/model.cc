#include "agent/core/model.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace drover::agent {
namespace {

// Of two containers with one label the one that runs counts.
bool Better(const Container& a, const Container& b) { return IsUp(a) && !IsUp(b); }

}  // namespace

Model::Model(const CoreOptions& options, const HeldAssignment& held, Instant now)
    : options_(options),
      rule_{.first = options.backoff_first,
            .max = options.backoff_max,
            .reset = options.backoff_reset,
            .readiness = options.running_is_ready},
      held_(held),
      now_(now),
      last_heard_(now) {
  if (!held_.boot_id.empty() && held_.boot_id != options_.boot_id) {
    boot_wait_until_ = now + options_.boot_wait;
  }
  ApplyHeld(held_);
}

// ---- controller -------------------------------------------------------------------------------------

void Model::Heard(Instant now) {
  now_ = std::max(now_, now);
  last_heard_ = now_;
  lapsed_ = false;
}

void Model::Fold(const ControllerHeard& e) {
  now_ = std::max(now_, e.now);
  // What comes after a silence may have been sent before it, to a host that was frozen or cut off (R7.2).
  if (SingletonFenced() && HoldsSingleton()) {
    need_full_ = need_full_ || !std::exchange(lapsed_, true);
  } else if (!lapsed_) {
    last_heard_ = now_;
  }
}

void Model::Fold(const Tick& e) { now_ = std::max(now_, e.now); }

void Model::Fold(const ControllerConnected& e) {
  now_ = std::max(now_, e.now);
  ordered_ = false;
  if (!held_.cluster.value().empty() && e.cluster != held_.cluster) {
    connected_ = false;
    Notify("ClusterMismatch",
           absl::StrCat("the controller is of cluster '", e.cluster.value(), "', this node belongs to '",
                        held_.cluster.value(), "'"),
           ReplicaId(), true);
    return;
  }
  connected_ = true;
  Heard(e.now);
  if (held_.cluster != e.cluster || held_.highest_epoch < e.epoch) {
    held_.cluster = e.cluster;
    held_.highest_epoch = std::max(held_.highest_epoch, e.epoch);
    held_changed_ = true;
  }
  if (refused_) {
    notices_.push_back(*refused_);
    report_now_ = true;
  }
}

void Model::Fold(const ControllerDisconnected& e) {
  now_ = std::max(now_, e.now);
  connected_ = false;
  ordered_ = false;
}

NodeFacts Model::Facts() const {
  NodeFacts facts;
  facts.keep_all_contexts = !listed_;
  for (const auto& [id, r] : replicas_) {
    facts.here.insert(id);
    if (r.container && FindRemove(held_, id) != nullptr) {
      facts.used_specs.insert(r.container->spec_hash);
    }
  }
  for (const Container& c : others_) {
    if (IsUp(c) && c.cluster == held_.cluster) {
      facts.here.insert(c.replica);
    }
  }
  return facts;
}

void Model::Fold(const AssignmentReceived& e) {
  now_ = std::max(now_, e.now);
  Judgement judgement = JudgeAssignment(held_, e.assignment, Facts());
  switch (judgement.verdict) {
    case Verdict::kApplied:
      Heard(e.now);
      ordered_ = true;
      refused_.reset();
      boot_wait_until_.reset();
      judgement.next.boot_id = options_.boot_id;
      if (judgement.next != held_) {
        report_now_ = true;
        ApplyHeld(std::move(judgement.next));
        held_changed_ = true;
      }
      return;
    case Verdict::kDuplicate:
      Heard(e.now);
      ordered_ = true;
      return;
    case Verdict::kOtherBase:
      need_full_ = true;
      return;
    case Verdict::kStale:
      Notify("StaleOrderRefused", std::move(judgement.message), ReplicaId(), true);
      return;
    case Verdict::kClusterMismatch:
      Notify("ClusterMismatch", std::move(judgement.message), ReplicaId(), true);
      return;
    case Verdict::kMassRemoval:
      Heard(e.now);
      refused_ = Notice{.reason = "MassRemovalRefused",
                        .message = std::move(judgement.message),
                        .replica = ReplicaId(),
                        .warning = true};
      notices_.push_back(*refused_);
      report_now_ = true;
      return;
  }
}

void Model::ApplyHeld(HeldAssignment next) {
  held_ = std::move(next);
  std::map<ReplicaId, Replica> replicas;
  const auto take = [&](ReplicaId id) -> Replica& {
    if (const auto it = replicas_.find(id); it != replicas_.end()) {
      replicas[id] = std::move(it->second);
      replicas_.erase(it);
      return replicas[id];
    }
    Replica& r = replicas[id];
    r.id = id;
    const auto other = std::find_if(others_.begin(), others_.end(), [&](const Container& c) {
      return c.replica == id && c.cluster == held_.cluster;
    });
    if (other != others_.end()) {
      Adopt(r, *other);
      others_.erase(other);
    }
    return r;
  };
  for (const RunReplica& run : held_.run) {
    Replica& r = take(run.id);
    r.confirmed = false;
    r.stop.reset();
  }
  for (const RemoveReplica& remove : held_.remove) {
    Replica& r = take(remove.id);
    // What kept it from starting must not keep it from being removed.
    r.retry_at.reset();
  }
  for (auto& [id, left] : replicas_) {
    if (left.container) {
      others_.push_back(*std::move(left.container));
    }
  }
  replicas_ = std::move(replicas);
}

// ---- engine -----------------------------------------------------------------------------------------

bool Model::IsListed(const Container& c) const {
  return c.cluster == held_.cluster && replicas_.contains(c.replica);
}

void Model::Fold(const EngineListed& e) {
  now_ = std::max(now_, e.now);
  const bool first = !listed_;
  listed_ = true;
  others_.clear();
  std::map<ReplicaId, const Container*> found;
  for (const Container& c : e.containers) {
    if (c.replica.value() == 0) {
      continue;
    }
    if (!IsListed(c)) {
      others_.push_back(c);
      continue;
    }
    const Container*& slot = found[c.replica];
    if (slot == nullptr || Better(c, *slot)) {
      slot = &c;
    }
  }
  for (auto& [id, r] : replicas_) {
    const auto it = found.find(id);
    const Container* container = it != found.end() ? it->second : nullptr;
    if (first) {
      Adopt(r, container != nullptr ? std::optional<Container>(*container) : std::nullopt);
    } else {
      Reconcile(r, container);
    }
  }
}

// What the agent finds without having seen it happen: nothing crashed before its eyes, so that what
// is down is started at once, and what is up has been up for long enough.
void Model::Adopt(Replica& r, std::optional<Container> found) {
  const RunReplica* run = FindRun(held_, r.id);
  if (found && run != nullptr && (found->status == Container::Status::kExited)) {
    NoteExit(r, *found, FindContext(held_, run->spec_hash), rule_, now_);
    r.failures = 0;
    r.retry_at.reset();
  }
  Believe(r, std::move(found), now_);
  if (r.up_since) {
    r.up_since = now_ - rule_.readiness;
  }
}

// A list may be older than what is believed: a difference is looked at again before it counts.
void Model::Reconcile(Replica& r, const Container* found) {
  if (r.running) {
    return;
  }
  const bool same = found == nullptr
                        ? !r.container
                        : r.container && r.container->id == found->id && r.container->status == found->status;
  if (!same) {
    Recheck(r, now_, found != nullptr ? found->id : "");
  } else if (found != nullptr) {
    Observe(r, *found, false);
  }
}

void Model::Recheck(Replica& r, Instant at, const std::string& container_id) {
  r.recheck_at = at;
  r.recheck_id = container_id;
}

void Model::SetOther(ReplicaId id, std::optional<Container> container) {
  std::erase_if(others_, [&](const Container& c) { return c.replica == id; });
  if (container) {
    others_.push_back(*std::move(container));
  }
}

void Model::Fold(const ContainerChanged& e) {
  now_ = std::max(now_, e.now);
  const auto it = replicas_.find(e.replica);
  if (it == replicas_.end() || (e.container && !IsListed(*e.container))) {
    SetOther(e.replica, e.container);
    return;
  }
  Replica& r = it->second;
  if (r.running) {
    // The end of the step says how things are; what came in between is looked at after it.
    r.by_hand |= e.by_hand;
    Recheck(r, now_, "");
    return;
  }
  Observe(r, e.container, e.by_hand);
}

void Model::Observe(Replica& r, std::optional<Container> next, bool by_hand) {
  const bool was_up = r.container && IsUp(*r.container);
  const bool is_up = next && IsUp(*next);
  const RunReplica* run = FindRun(held_, r.id);
  by_hand |= std::exchange(r.by_hand, false);
  // Of what shall run only dead containers are removed by us. `docker rm -f` is first seen as a process
  // that ended, as a removal under way, or as nothing at all.
  const auto goes = [](const std::optional<Container>& c) {
    return !c || c->status == Container::Status::kRemoving;
  };
  if (run != nullptr && r.container && r.ended == Ended::kNo && goes(next)) {
    if (!goes(r.container)) {
      NoticeByHand(r, "removed", run->hands_off);
      r.retry_at.reset();
    }
    if (!next && r.recheck_id.empty()) {
      r.recheck_at.reset();  // it was to see this
    }
  } else if (run != nullptr && was_up && !is_up && !r.fenced) {
    if (by_hand) {
      NoticeByHand(r, "stopped", run->hands_off);
      r.retry_at.reset();
      r.exit_code = next->exit_code;
    } else {
      NoteExit(r, *next, FindContext(held_, run->spec_hash), rule_, now_);
      Recheck(r, now_, "");  // for its last log lines
    }
  }
  Believe(r, std::move(next), now_);
}

void Model::NoticeByHand(Replica& r, const std::string& what, bool hands_off) {
  r.left = hands_off ? what : "";
  Notify("RemovedByHand",
         absl::StrCat(
             "container ", r.container->name.empty() ? r.container->id : r.container->name, " was ", what,
             " by hand; it ",
             hands_off ? "stays so while its service is paused or the cluster frozen" : "is started again"),
         r.id, true);
}

void Model::Fold(const EngineReachable& e) {
  now_ = std::max(now_, e.now);
  if (reachable_ != e.reachable) {
    reachable_ = e.reachable;
    if (reachable_) {
      Notify("EngineReachable", "the container engine answers again", ReplicaId(), false);
    } else {
      Notify("EngineUnreachable", absl::StrCat("the container engine does not answer: ", e.error),
             ReplicaId(), true);
    }
  }
}

void Model::Fold(const ReadyProbed& e) {
  now_ = std::max(now_, e.now);
  const auto it = replicas_.find(e.replica);
  if (it != replicas_.end() && it->second.up_since) {
    it->second.probed_ready = e.ready;
  }
}

// ---- time -------------------------------------------------------------------------------------------

bool Model::SingletonFenced() const { return now_ - last_heard_ >= options_.singleton_fence; }

bool Model::HoldsSingleton() const {
  return std::any_of(replicas_.begin(), replicas_.end(), [this](const auto& entry) {
    const ServiceContext* context = ContextOf(entry.second);
    return context != nullptr && context->singleton;
  });
}

bool Model::SingletonMayStart() const { return connected_ && ordered_ && !SingletonFenced(); }

const ServiceContext* Model::ContextOf(const Replica& r) const {
  if (const RunReplica* run = FindRun(held_, r.id)) {
    return FindContext(held_, run->spec_hash);
  }
  return r.container ? FindContext(held_, r.container->spec_hash) : nullptr;
}

void Model::Confirm(Replica& r) {
  const bool busy = r.running && r.running->kind != Action::Kind::kPull;
  if (r.confirmed || r.container || busy || r.recheck_at) {
    return;
  }
  r.confirmed = true;
  report_now_ = true;
  if (r.stop) {
    stops_.push_back(*std::exchange(r.stop, std::nullopt));
  } else if (r.was_here) {
    StopResult gone;
    gone.replica = r.id;
    gone.result = StopResult::Result::kAlreadyGone;
    gone.exit_code = r.exit_code.value_or(0);
    gone.detail = r.message;
    stops_.push_back(std::move(gone));
  }
}

void Model::Settle() {
  if (boot_wait_until_ && *boot_wait_until_ <= now_) {
    boot_wait_until_.reset();
    held_.boot_id = options_.boot_id;
    held_changed_ = true;
  }
  if (!listed_) {
    return;
  }
  for (auto& [id, r] : replicas_) {
    if (FindRemove(held_, id) != nullptr) {
      Confirm(r);
      if (r.container) {
        r.confirmed = false;
      }
      continue;
    }
    const RunReplica* run = FindRun(held_, id);
    if (!run->hands_off || r.up_since) {
      r.left.clear();
    }
    if (r.container && r.container->spec_hash != run->spec_hash) {
      r.ended = Ended::kFailed;
      r.reason = "SpecMismatch";
      r.message = absl::StrCat("the container was made from spec ", r.container->spec_hash, ", assigned is ",
                               run->spec_hash);
    }
    const ServiceContext* context = FindContext(held_, run->spec_hash);
    if (context != nullptr && r.ended == Ended::kNo) {
      UpdateReadiness(r, *context, rule_, now_);
    }
  }
}

std::optional<Instant> Model::WakeAt() const {
  std::optional<Instant> wake;
  const auto at = [&](Instant t) {
    if (t > now_ && (!wake || t < *wake)) {
      wake = t;
    }
  };
  if (boot_wait_until_) {
    at(*boot_wait_until_);
  }
  for (const auto& [id, r] : replicas_) {
    if (r.retry_at) {
      at(*r.retry_at);
    }
    if (r.recheck_at) {
      at(*r.recheck_at);
    }
    if (r.up_since) {
      at(*r.up_since + rule_.readiness);
      const ServiceContext* context = ContextOf(r);
      if (context != nullptr && context->singleton) {
        at(last_heard_ + options_.singleton_fence);
      }
    }
  }
  return wake;
}

// ---- what is told -----------------------------------------------------------------------------------

void Model::Notify(std::string reason, std::string message, ReplicaId replica, bool warning) {
  notices_.push_back(Notice{
      .reason = std::move(reason), .message = std::move(message), .replica = replica, .warning = warning});
  report_now_ = true;
}

ReplicaStatus Model::StatusOf(const Replica& r) const {
  ReplicaStatus s;
  s.id = r.id;
  const RunReplica* run = FindRun(held_, r.id);
  if (run != nullptr) {
    s.handle = run->handle;
    s.spec_hash = run->spec_hash;
    s.state = RunState(r);
  } else {
    s.state = r.confirmed ? ReplicaState::kGone : ReplicaState::kStopping;
  }
  if (r.container) {
    s.container_id = r.container->id;
    s.address = r.container->address;
    s.pid = r.container->pid;
    s.health = r.container->health;
    if (run == nullptr) {
      s.spec_hash = r.container->spec_hash;
    }
  }
  s.exit_code = r.exit_code;
  s.oom_killed = r.oom_killed;
  s.reason = r.reason;
  s.message = r.message;
  s.restarts = r.starts > 1 ? r.starts - 1 : 0;
  if (r.retry_at && *r.retry_at > now_) {
    s.retry_at = r.retry_at;
  }
  s.pull = r.pull;
  s.create = r.create;
  s.start = r.start;
  s.ready = r.ready;
  const ServiceContext* context = ContextOf(r);
  if (run == nullptr) {
    return s;
  }
  if (context == nullptr) {
    s.reason = "SpecMissing";
    s.message = absl::StrCat("the controller sent no spec ", run->spec_hash);
    return s;
  }
  s.probe_ready = r.up_since.has_value() && context->has_ready_check && !context->has_healthcheck;
  if (r.ended == Ended::kNo && !r.up_since && !r.running) {
    if (!r.left.empty()) {
      s.reason = "RemovedByHand";
      s.message = absl::StrCat(r.left, " by hand, and left so: its service is paused, or the cluster frozen");
    } else if (boot_wait_until_) {
      s.reason = "WaitsForController";
      s.message = "the host was started again; waits for a controller before it starts anything";
    } else if (context->singleton && !SingletonMayStart()) {
      s.reason = "NoController";
      s.message = "a singleton runs only while a controller is heard";
    }
  }
  return s;
}

std::vector<ReplicaStatus> Model::Statuses() const {
  std::vector<ReplicaStatus> statuses;
  if (!listed_) {
    return statuses;
  }
  statuses.reserve(replicas_.size());
  for (const auto& [id, r] : replicas_) {
    statuses.push_back(StatusOf(r));
  }
  return statuses;
}

std::vector<UnknownReplica> Model::Unknown() const {
  std::vector<UnknownReplica> unknown;
  for (const Container& c : others_) {
    unknown.push_back({c});
  }
  return unknown;
}

std::vector<ReplicaId> Model::Removed() const {
  std::vector<ReplicaId> removed;
  for (const auto& [id, r] : replicas_) {
    if (r.confirmed && FindRemove(held_, id) != nullptr) {
      removed.push_back(id);
    }
  }
  return removed;
}

Ready Model::TakeNews() {
  Ready ready;
  if (std::exchange(held_changed_, false)) {
    ready.held = held_;
  }
  std::map<ReplicaId, std::pair<ReplicaState, std::string>> now_told;
  for (const ReplicaStatus& s : Statuses()) {
    now_told[s.id] = {s.state, s.reason};
  }
  if (now_told != told_) {
    told_ = std::move(now_told);
    report_now_ = true;
  }
  ready.stops = std::exchange(stops_, {});
  ready.notices = std::exchange(notices_, {});
  ready.need_full = std::exchange(need_full_, false);
  ready.report_now = std::exchange(report_now_, false);
  return ready;
}

}  // namespace drover::agent
