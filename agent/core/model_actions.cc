// How the ends of actions are folded into the belief.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/core/model.h"

namespace drover::agent {
namespace {

constexpr Duration kEngineAway = absl::Seconds(1);

// Another try would fail in the same way: only the controller can help, with another number, port
// or node.
bool IsFinal(const std::string& reason) {
  return reason == "NameConflict" || reason == "PortInUse" || reason == "PolicyRefused";
}

void AppendLog(std::string& message, const std::string& log) {
  constexpr char kMark[] = "; last lines: ";
  if (!log.empty() && message.find(kMark) == std::string::npos) {
    absl::StrAppend(&message, kMark, log);
  }
}

}  // namespace

void Model::NoteIssued(const Action& action) {
  outstanding_[action.id] = action;
  const auto it = replicas_.find(action.replica);
  if (it == replicas_.end()) {
    return;
  }
  Replica& r = it->second;
  r.running = action;
  r.begun = true;
  if (action.kind == Action::Kind::kInspect) {
    r.recheck_at.reset();
    r.recheck_id.clear();
  }
  if (action.kind == Action::Kind::kStop && FindRun(held_, action.replica) != nullptr) {
    r.fenced = true;
  }
}

void Model::Fold(const ActionDone& e) {
  now_ = std::max(now_, e.now);
  const auto action_it = outstanding_.find(e.action);
  if (action_it == outstanding_.end()) {
    return;
  }
  const Action action = action_it->second;
  outstanding_.erase(action_it);
  const auto it = replicas_.find(action.replica);
  if (it == replicas_.end()) {
    if (e.container) {
      SetOther(action.replica, e.container);
    }
    return;
  }
  Replica& r = it->second;
  r.running.reset();
  switch (action.kind) {
    case Action::Kind::kPull:
      return OnPulled(r, e);
    case Action::Kind::kCreate:
      return OnCreated(r, e);
    case Action::Kind::kStart:
      return OnStarted(r, e);
    case Action::Kind::kStop:
      return OnStopped(r, action, e);
    case Action::Kind::kRemove:
      return OnRemoved(r, e);
    case Action::Kind::kInspect:
      return OnInspected(r, e);
  }
}

bool Model::HandleError(Replica& r, const ActionDone& e, const char* default_reason) {
  if (absl::IsUnavailable(e.status)) {  // the engine is away: nothing is the replica's fault
    r.retry_at = now_ + kEngineAway;
    Recheck(r, now_ + kEngineAway, "");
    return true;
  }
  const std::string reason = e.reason.empty() ? default_reason : e.reason;
  const std::string message(e.status.message());
  if (IsFinal(reason) && FindRun(held_, r.id) != nullptr) {
    r.ended = Ended::kFailed;
    r.reason = reason;
    r.message = message;
    return true;
  }
  NoteFailedStep(r, reason, message, rule_, now_);
  return false;
}

void Model::OnPulled(Replica& r, const ActionDone& e) {
  if (!e.status.ok()) {
    HandleError(r, e, "ImagePullFailed");
    return;
  }
  r.pulled = true;
  r.pull = e.took;
  if (!r.exit_code) {
    r.failures = 0;
    r.reason.clear();
    r.message.clear();
  }
}

void Model::OnCreated(Replica& r, const ActionDone& e) {
  if (e.status.ok() && e.container) {
    r.create = e.took;
    Believe(r, e.container, now_);
    return;
  }
  if (!HandleError(r, e, "CreateFailed")) {
    Recheck(r, now_, "");  // it may have been made all the same
  }
  // The image may be what is missing; making it present is cheap when it is not.
  r.pulled = false;
}

void Model::OnStarted(Replica& r, const ActionDone& e) {
  if (!e.status.ok()) {
    if (absl::IsNotFound(e.status)) {
      Observe(r, std::nullopt, false);
      return;
    }
    if (!HandleError(r, e, "StartFailed")) {
      Recheck(r, now_, "");
    }
    return;
  }
  ++r.starts;
  r.start = e.took;
  if (!e.container) {
    Recheck(r, now_, "");
    return;
  }
  const RunReplica* run = FindRun(held_, r.id);
  if (!IsUp(*e.container) && run != nullptr) {  // ended before the call returned
    NoteExit(r, *e.container, FindContext(held_, run->spec_hash), rule_, now_);
    AppendLog(r.message, e.last_log);
  }
  Believe(r, e.container, now_);
}

void Model::OnStopped(Replica& r, const Action& action, const ActionDone& e) {
  const bool gone = absl::IsNotFound(e.status) || (e.status.ok() && !e.container);
  if (!gone && (!e.status.ok() || IsUp(*e.container))) {
    NoteFailedStep(r, "StopFailed", std::string(e.status.message()), rule_, now_);
    Recheck(r, now_ + kEngineAway, "");
    return;
  }
  if (FindRemove(held_, r.id) != nullptr) {
    StopResult stop;
    stop.replica = r.id;
    stop.signal_to_exit = e.took;
    stop.detail = e.last_log;
    stop.exit_code = e.container ? e.container->exit_code : 0;
    if (gone) {
      stop.result = StopResult::Result::kAlreadyGone;
    } else if (action.forced) {
      stop.result = StopResult::Result::kForced;
    } else if (action.grace > absl::ZeroDuration() && e.took >= action.grace) {
      stop.result = StopResult::Result::kTimedOut;
    }
    r.stop = std::move(stop);
  }
  r.retry_at.reset();
  Believe(r, gone ? std::nullopt : e.container, now_);
}

void Model::OnRemoved(Replica& r, const ActionDone& e) {
  if (e.status.ok() || absl::IsNotFound(e.status)) {
    r.recheck_at.reset();  // what came in between was this
    Believe(r, std::nullopt, now_);
    return;
  }
  NoteFailedStep(r, "RemoveFailed", std::string(e.status.message()), rule_, now_);
  Recheck(r, now_ + kEngineAway, "");
}

void Model::OnInspected(Replica& r, const ActionDone& e) {
  if (!e.status.ok() && !absl::IsNotFound(e.status)) {
    Recheck(r, now_ + kEngineAway, "");
    return;
  }
  if (e.container && !IsListed(*e.container)) {
    return;
  }
  Observe(r, e.status.ok() ? e.container : std::nullopt, false);
  if (!r.up_since && r.exit_code && FindRun(held_, r.id) != nullptr) {
    AppendLog(r.message, e.last_log);
  }
}

}  // namespace drover::agent
