#include "agent/core/steps.h"

#include <deque>
#include <optional>
#include <utility>

namespace drover::agent {
namespace {

using Kind = Action::Kind;
using Status = Container::Status;

constexpr Duration kEngineIsRemoving = absl::Seconds(1);

Action Make(const Replica& r, Kind kind) {
  Action action;
  action.kind = kind;
  action.replica = r.id;
  if (r.container) {
    action.container_id = r.container->id;
    action.spec_hash = r.container->spec_hash;
  }
  return action;
}

std::optional<Action> RemoveStep(Replica& r, const RemoveReplica& remove, const Model& model) {
  if (!r.container || r.confirmed) {
    return std::nullopt;
  }
  if (r.container->status == Status::kRemoving) {
    r.recheck_at = model.now() + kEngineIsRemoving;
    return std::nullopt;
  }
  if (IsUp(*r.container)) {
    Action stop = Make(r, Kind::kStop);
    const ServiceContext* context = model.ContextOf(r);
    stop.grace = remove.grace;
    if (stop.grace == absl::ZeroDuration() && context != nullptr) {
      stop.grace = context->stop_grace;
    }
    stop.forced = remove.forced;
    return stop;
  }
  Action action = Make(r, Kind::kRemove);
  action.remove_volumes = remove.remove_volumes;
  return action;
}

bool MayStart(const ServiceContext& context, const Model& model) {
  if (model.WaitsAfterBoot()) {
    return false;
  }
  return !context.singleton || model.SingletonMayStart();
}

Action MakeForImage(const Replica& r, const RunReplica& run, Kind kind) {
  Action action = Make(r, kind);
  action.spec_hash = run.spec_hash;
  action.image_id = run.image_id;
  action.number = run.number;
  action.published = run.published;
  return action;
}

std::optional<Action> RunStep(Replica& r, const RunReplica& run, const Model& model) {
  const ServiceContext* context = model.ContextOf(r);
  if (r.ended != Ended::kNo || context == nullptr || !r.left.empty()) {
    return std::nullopt;
  }
  if (!r.container) {
    if (!MayStart(*context, model)) {
      return std::nullopt;
    }
    return MakeForImage(r, run, r.pulled ? Kind::kCreate : Kind::kPull);
  }
  switch (r.container->status) {
    case Status::kCreated:
    case Status::kExited:
      if (!MayStart(*context, model)) {
        return std::nullopt;
      }
      return Make(r, Kind::kStart);
    case Status::kRunning:
    case Status::kPaused:
    case Status::kRestarting:
      if (context->singleton && model.SingletonFenced()) {
        Action stop = Make(r, Kind::kStop);
        stop.grace = context->stop_grace;
        return stop;
      }
      return std::nullopt;
    case Status::kDead:
      return Make(r, Kind::kRemove);
    case Status::kRemoving:
      r.recheck_at = model.now() + kEngineIsRemoving;
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Action> NextStep(Replica& r, const Model& model) {
  if (r.running) {
    return std::nullopt;
  }
  if (r.recheck_at) {
    if (*r.recheck_at > model.now()) {
      return std::nullopt;
    }
    Action inspect = Make(r, Kind::kInspect);
    if (!r.recheck_id.empty()) {
      inspect.container_id = r.recheck_id;
    }
    return inspect;
  }
  if (r.retry_at && *r.retry_at > model.now()) {
    return std::nullopt;
  }
  if (const RemoveReplica* remove = FindRemove(model.held(), r.id)) {
    return RemoveStep(r, *remove, model);
  }
  const RunReplica* run = FindRun(model.held(), r.id);
  return run != nullptr ? RunStep(r, *run, model) : std::nullopt;
}

struct Lanes {
  size_t pulls = 0;
  size_t stops = 0;
  size_t work = 0;
};

Lanes Count(const std::map<uint64_t, Action>& outstanding) {
  Lanes lanes;
  for (const auto& [id, action] : outstanding) {
    switch (action.kind) {
      case Kind::kPull:
        ++lanes.pulls;
        break;
      case Kind::kStop:
        ++lanes.stops;
        break;
      case Kind::kCreate:
      case Kind::kStart:
      case Kind::kRemove:
      case Kind::kInspect:
        ++lanes.work;
        break;
    }
  }
  return lanes;
}

}  // namespace

std::vector<Action> Planner::Plan(Model& model) {
  std::vector<Action> actions;
  if (!model.CanAct()) {
    return actions;
  }
  const CoreOptions& options = model.options();
  Lanes used = Count(model.outstanding());
  const auto issue = [&](Action action) {
    action.id = next_id_++;
    model.NoteIssued(action);
    actions.push_back(std::move(action));
  };
  std::deque<Action> removals;
  std::deque<Action> starts;
  for (auto& [id, replica] : model.mutable_replicas()) {
    std::optional<Action> step = NextStep(replica, model);
    if (!step) {
      continue;
    }
    if (step->kind == Kind::kPull) {
      if (used.pulls < options.parallel_pulls) {
        ++used.pulls;
        issue(*std::move(step));
      }
    } else if (step->kind == Kind::kStop) {
      if (used.stops < options.parallel_stops) {
        ++used.stops;
        issue(*std::move(step));
      }
    } else {
      const bool removal = FindRemove(model.held(), id) != nullptr;
      (removal ? removals : starts).push_back(*std::move(step));
    }
  }
  while (used.work < options.parallel_actions && !(removals.empty() && starts.empty())) {
    std::deque<Action>& first = removal_first_ ? removals : starts;
    std::deque<Action>& lane = first.empty() ? (removal_first_ ? starts : removals) : first;
    removal_first_ = !removal_first_;
    ++used.work;
    issue(std::move(lane.front()));
    lane.pop_front();
  }
  return actions;
}

}  // namespace drover::agent
