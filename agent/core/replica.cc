#include "agent/core/replica.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace drover::agent {
namespace {

constexpr int32_t kSignalBase = 128;  // the engine's way to say "ended by signal N"

std::string ExitReason(const Container& c) {
  if (c.oom_killed) {
    return "OutOfMemory";
  }
  return c.exit_code == 0 ? "Exited" : "ExitedWithError";
}

std::string ExitMessage(const Container& c) {
  if (c.oom_killed) {
    return absl::StrCat("killed for lack of memory, exit code ", c.exit_code);
  }
  if (c.exit_code > kSignalBase) {
    return absl::StrCat("ended by signal ", c.exit_code - kSignalBase, ", exit code ", c.exit_code);
  }
  return absl::StrCat("exit code ", c.exit_code);
}

}  // namespace

bool IsUp(const Container& c) {
  switch (c.status) {
    case Container::Status::kRunning:
    case Container::Status::kPaused:
    case Container::Status::kRestarting:
      return true;
    case Container::Status::kCreated:
    case Container::Status::kExited:
    case Container::Status::kDead:
    case Container::Status::kRemoving:
      return false;
  }
  return false;
}

Duration BackoffDelay(const BackoffRule& rule, uint32_t failures) {
  Duration delay = rule.first;
  for (uint32_t i = 1; i < failures && delay < rule.max; ++i) {
    delay *= 2;
  }
  return std::min(delay, rule.max);
}

void NoteExit(Replica& r, const Container& c, const ServiceContext* context, const BackoffRule& rule,
              Instant now) {
  if (r.ready_since && now - *r.ready_since >= rule.reset) {
    r.failures = 0;
  }
  r.up_since.reset();
  r.ready_since.reset();
  r.probed_ready = false;
  r.exit_code = c.exit_code;
  r.oom_killed = c.oom_killed;
  r.reason = ExitReason(c);
  r.message = ExitMessage(c);
  using Restart = ServiceContext::Restart;
  const Restart restart = context != nullptr ? context->restart : Restart::kAlways;
  const bool ends_well = restart != Restart::kAlways || (context != nullptr && context->task);
  if (c.exit_code == 0 && !c.oom_killed && ends_well) {
    r.ended = Ended::kCompleted;
    r.reason.clear();
    return;
  }
  ++r.failures;
  const uint32_t limit = context != nullptr ? context->restart_max : 0;
  if (restart == Restart::kNever || (limit != 0 && r.failures > limit)) {
    r.ended = Ended::kFailed;
    if (limit != 0 && r.failures > limit) {
      absl::StrAppend(&r.message, ", after ", limit, " restarts");
    }
    return;
  }
  const Duration wait = context != nullptr ? context->restart_delay : Duration();
  r.retry_at = now + std::max(wait, BackoffDelay(rule, r.failures));
}

void NoteFailedStep(Replica& r, const std::string& reason, const std::string& message,
                    const BackoffRule& rule, Instant now) {
  ++r.failures;
  r.reason = reason;
  r.message = message;
  r.retry_at = now + BackoffDelay(rule, r.failures);
}

void Believe(Replica& r, std::optional<Container> next, Instant now) {
  const bool was_up = r.container && IsUp(*r.container);
  const bool is_up = next && IsUp(*next);
  if (next) {
    r.begun = true;
    r.was_here = true;
  } else {
    r.pulled = false;
  }
  r.container = std::move(next);
  if (is_up && !was_up) {
    r.up_since = now;
    r.ready_since.reset();
    r.probed_ready = false;
    r.retry_at.reset();
    r.fenced = false;
    r.ended = Ended::kNo;
  }
  if (!is_up) {
    r.up_since.reset();
    r.ready_since.reset();
    r.probed_ready = false;
  }
}

bool IsReady(const Replica& r, const ServiceContext& context, const BackoffRule& rule, Instant now) {
  if (!r.container || r.container->status != Container::Status::kRunning || !r.up_since) {
    return false;
  }
  if (context.has_healthcheck) {
    return r.container->health == "healthy";
  }
  if (context.has_ready_check) {
    return r.probed_ready;
  }
  return now - *r.up_since >= rule.readiness;
}

void UpdateReadiness(Replica& r, const ServiceContext& context, const BackoffRule& rule, Instant now) {
  if (!IsReady(r, context, rule, now)) {
    r.ready_since.reset();
    return;
  }
  if (!r.ready_since) {
    r.ready_since = now;
    r.ready = now - *r.up_since;
    // A failed step is over; why the last run ended stays readable (R3.6).
    if (!r.exit_code) {
      r.reason.clear();
      r.message.clear();
    }
  }
  if (now - *r.ready_since >= rule.reset) {
    r.failures = 0;
  }
}

ReplicaState RunState(const Replica& r) {
  if (r.ended != Ended::kNo) {
    return r.ended == Ended::kCompleted ? ReplicaState::kCompleted : ReplicaState::kFailed;
  }
  if (r.container && IsUp(*r.container)) {
    return r.ready_since ? ReplicaState::kReady : ReplicaState::kRunning;
  }
  if (r.container || r.pulled) {
    return ReplicaState::kStarting;
  }
  return r.begun ? ReplicaState::kPulling : ReplicaState::kAssigned;
}

}  // namespace drover::agent
