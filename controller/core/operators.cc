#include "controller/core/operators.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "controller/core/assign.h"
#include "controller/core/freeze.h"
#include "controller/core/place.h"
#include "controller/core/scale.h"

namespace drover::controller {
namespace {

Reply ReplyTo(RequestId request) {
  return {.request = request, .status = absl::OkStatus(), .message = "", .plan = {}, .revision = 0};
}

const ServiceSpec* FindSpec(const StackSpec& stack, const std::string& name) {
  for (const ServiceSpec& spec : stack.services) {
    if (spec.name == name) {
      return &spec;
    }
  }
  return nullptr;
}

std::string CountText(const ServiceSpec& spec) {
  if (spec.global) {
    return "one replica on every node that may have it";
  }
  if (spec.autoscale) {
    return absl::StrCat(spec.autoscale->min, " to ", spec.autoscale->max, " replicas");
  }
  return absl::StrCat(spec.replicas, spec.replicas == 1 ? " replica" : " replicas");
}

std::string ListenerText(const ListenerSpec& listener) {
  if (!listener.pull.empty()) {
    return absl::StrCat(listener.pull, listener.http ? ": " : "", listener.host, listener.path);
  }
  return absl::StrCat(listener.bind.empty() ? "*" : listener.bind, ":", listener.port, listener.host,
                      listener.path);
}

std::vector<std::string> Differences(const ServiceSpec& before, const ServiceSpec& after) {
  std::vector<std::string> details;
  if (before.image != after.image) {
    details.push_back(absl::StrCat("image ", before.image, " → ", after.image));
  } else if (before.image_id != after.image_id) {
    details.push_back(absl::StrCat("image ", after.image, " is another one now: ", after.image_id));
  } else if (before.spec_hash != after.spec_hash) {
    details.push_back("the container's configuration changed");
  }
  if (before.autoscale.has_value() != after.autoscale.has_value() || before.replicas != after.replicas ||
      before.global != after.global ||
      (after.autoscale &&
       (before.autoscale->min != after.autoscale->min || before.autoscale->max != after.autoscale->max))) {
    details.push_back(absl::StrCat(CountText(before), " → ", CountText(after)));
  } else if (before.autoscale != after.autoscale) {
    details.push_back("the scaling policy changed");
  }
  if (before.listeners != after.listeners) {
    details.push_back("listeners changed");
  }
  if (before.reserved_cpu != after.reserved_cpu || before.reserved_memory != after.reserved_memory) {
    details.push_back("reservations changed");
  }
  if (before.constraints != after.constraints || before.spread_over != after.spread_over ||
      before.max_per_node != after.max_per_node || before.bin_pack != after.bin_pack) {
    details.push_back("placement changed");
  }
  if (before.priority != after.priority) {
    details.push_back(absl::StrCat("priority ", before.priority, " → ", after.priority));
  }
  if (details.empty()) {
    details.push_back("settings changed");
  }
  return details;
}

// Another stack's listener that this one collides with; empty: none.
std::string Collision(const Model& model, const StackSpec& spec) {
  for (const auto& [name, stack] : model.stacks) {
    if (name == spec.name) {
      continue;
    }
    for (const ServiceSpec& theirs : stack.record.spec.services) {
      for (const ListenerSpec& taken : theirs.listeners) {
        for (const ServiceSpec& ours : spec.services) {
          for (const ListenerSpec& listener : ours.listeners) {
            const bool one_of_many = listener.port != 0 || (!listener.pull.empty() && listener.http);
            const bool same_place = one_of_many && listener.port == taken.port &&
                                    listener.pull == taken.pull && listener.bind == taken.bind &&
                                    listener.host == taken.host && listener.path == taken.path &&
                                    listener.on == taken.on;
            if (same_place) {
              return absl::StrCat(ours.name, ": ", ListenerText(listener), " is already published by ", name,
                                  "/", theirs.name, "; choose another port, host or path");
            }
          }
        }
      }
    }
  }
  return "";
}

void ApplyService(Model& model, const Stack& stack, const ServiceSpec& spec, const ServiceSpec* before) {
  const ServiceKey key{stack.record.name, spec.name};
  Service& service = model.services[key];
  const bool fresh = !service.stored;
  service.key = key;
  service.spec = std::make_shared<const ServiceSpec>(spec);
  service.retired = false;
  model.contexts[spec.spec_hash] = spec.context;
  ServiceRecord& record = service.record;
  if (fresh) {
    // What balancers and consumers confirmed of a former life must not count for this one (R6.1).
    const uint64_t revision = record.backend_revision;
    record = ServiceRecord();
    record.key = key;
    record.backend_revision = revision;
    service.stored = true;
  }
  const bool keeps_count = !fresh && (spec.autoscale || spec.global);
  record.desired = ClampCount(spec, keeps_count ? record.desired : spec.replicas);
  if (!spec.autoscale) {
    record.held = false;
    record.held_until.reset();
  }
  // An unchanged task has done its work for this revision as well.
  if (spec.task && before != nullptr && before->spec_hash == spec.spec_hash &&
      record.task_revision_done + 1 == stack.record.revision) {
    record.task_revision_done = stack.record.revision;
  }
  if (fresh) {
    service.history = ScalingHistory();
    service.history.since = model.now;
    service.history.count_at_start = record.desired;
  }
  if (before == nullptr || before->spec_hash != spec.spec_hash) {
    service.failures = 0;
    service.memory.Fade();
  }
  service.input_changed = true;
  model.TouchRecord(service);
}

void RetireService(Model& model, Service& service) {
  service.retired = true;
  if (service.stored) {
    service.stored = false;
    model.TouchRecord(service);
  }
  model.BackendsChanged(service.key);
  model.ReviewService(service.key);
}

void Take(Model& model, const ApplyStack& request) {
  Stack& stack = model.stacks[request.spec.name];
  const StackSpec before = stack.record.spec;
  stack.record.name = request.spec.name;
  ++stack.record.revision;
  stack.record.spec = request.spec;
  stack.record.applied_at = request.wall;
  model.TouchRecord(stack);
  for (const auto& [image, nodes] : request.image_nodes) {
    model.image_nodes[image].insert(nodes.begin(), nodes.end());
  }
  for (const ServiceSpec& spec : stack.record.spec.services) {
    ApplyService(model, stack, spec, FindSpec(before, spec.name));
  }
  for (const ServiceSpec& spec : before.services) {
    if (FindSpec(stack.record.spec, spec.name) == nullptr) {
      RetireService(model, model.services.at({stack.record.name, spec.name}));
    }
  }
  for (const std::vector<QueueSpec>* queues : {&before.queues, &request.spec.queues}) {
    for (const QueueSpec& queue : *queues) {
      model.ReviewQueue(stack.record.name, queue.name);
    }
  }
  for (auto it = model.services.lower_bound({stack.record.name, ""});
       it != model.services.end() && it->first.stack == stack.record.name; ++it) {
    model.ReviewService(it->first);
    model.BackendsChanged(it->first);
    model.ShowService(it->first);
  }
}

// A task that failed for good runs again when the same spec is applied again.
bool HasFailedTask(const Model& model, const StackRecord& record) {
  for (const ServiceSpec& spec : record.spec.services) {
    auto it = model.services.find({record.name, spec.name});
    if (!spec.task || it == model.services.end()) {
      continue;
    }
    for (const ReplicaId id : it->second.replicas) {
      if (model.replicas.at(id).state == ReplicaState::kFailed) {
        return true;
      }
    }
  }
  return false;
}

absl::Status WhyNotScaled(const Service& service, const ScaleService& request) {
  const ServiceSpec& spec = *service.spec;
  const std::string name = ToString(service.key);
  if (spec.task) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " is a task: it runs once per revision and cannot be scaled"));
  }
  if (spec.global) {
    return absl::InvalidArgumentError(
        absl::StrCat(name,
                     " is global: it has one replica on every node that may have it; constraints "
                     "say which those are"));
  }
  if (request.replicas < 0) {
    return absl::InvalidArgumentError("the number of replicas must be 0 or more");
  }
  if (request.replicas > 1 && spec.pinned()) {
    return absl::InvalidArgumentError(absl::StrCat(name, " keeps data on its host (", spec.local_data.front(),
                                                   "), so there is never more than one of it"));
  }
  if (request.replicas > 1 && spec.singleton) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is a singleton: 0 or 1"));
  }
  if (!spec.autoscale) {
    return absl::OkStatus();
  }
  if (!request.hold && !request.forever) {
    return absl::InvalidArgumentError(absl::StrCat(
        name,
        " is scaled by its signals, which would soon undo this: say for how long the number is to hold, "
        "with --hold 2h, or --forever until `drover resume ",
        name, "`"));
  }
  if (request.replicas < spec.autoscale->min || request.replicas > spec.autoscale->max) {
    return absl::InvalidArgumentError(absl::StrCat(name, " has min ", spec.autoscale->min, " and max ",
                                                   spec.autoscale->max, "; choose a number in between"));
  }
  return absl::OkStatus();
}

Service* FindLive(Model& model, const ServiceKey& key, Reply& reply) {
  Service* service = model.FindService(key);
  if (service == nullptr || service->retired || !service->spec) {
    reply.status = absl::NotFoundError(absl::StrCat("there is no service ", ToString(key)));
    return nullptr;
  }
  return service;
}

}  // namespace

void TellOperator(Model& model, std::string reason, std::string what, const std::string& who,
                  const std::string& message, const ServiceKey& service, const NodeId& node) {
  model.Tell({"operator",
              std::move(reason),
              absl::StrCat(what, who.empty() ? "" : absl::StrCat(" by ", who),
                           message.empty() ? "" : absl::StrCat(": ", message)),
              service,
              {},
              node});
}

Plan MakePlan(const StackRecord* before, const StackSpec& after) {
  Plan plan;
  for (const ServiceSpec& spec : after.services) {
    for (const ListenerSpec& listener : spec.listeners) {
      const std::string where = !listener.pull.empty() ? "pulled from the controller"
                                : listener.on.empty()  ? "every edge"
                                                       : absl::StrJoin(listener.on, ", ");
      plan.listeners.push_back(
          {ListenerText(listener), spec.name, absl::StrCat("port ", listener.target), where});
    }
    const ServiceSpec* old = before == nullptr ? nullptr : FindSpec(before->spec, spec.name);
    if (old == nullptr) {
      plan.changes.push_back(
          {PlanChange::Action::kCreate, spec.name, {absl::StrCat("image ", spec.image), CountText(spec)}});
    } else if (*old != spec) {
      const auto action =
          old->spec_hash != spec.spec_hash ? PlanChange::Action::kReplace : PlanChange::Action::kUpdate;
      plan.changes.push_back({action, spec.name, Differences(*old, spec)});
    }
  }
  if (before != nullptr) {
    for (const ServiceSpec& spec : before->spec.services) {
      if (FindSpec(after, spec.name) == nullptr) {
        plan.changes.push_back({PlanChange::Action::kRemove, spec.name, {"no longer in the file"}});
      }
    }
    if (plan.changes.empty() && before->spec.queues != after.queues) {
      plan.changes.push_back({PlanChange::Action::kUpdate, "x-queues", {"queues changed"}});
    }
  }
  return plan;
}

Reply Answer(Model& model, const ApplyStack& request) {
  Reply reply = ReplyTo(request.request);
  auto known = model.stacks.find(request.spec.name);
  const StackRecord* before = known == model.stacks.end() ? nullptr : &known->second.record;
  if (before != nullptr && before->removing) {
    reply.status = absl::FailedPreconditionError(
        absl::StrCat("stack ", request.spec.name, " is being removed; apply it again when it is gone"));
    return reply;
  }
  if (std::string collision = Collision(model, request.spec); !collision.empty()) {
    reply.status = absl::InvalidArgumentError(collision);
    return reply;
  }
  reply.plan = MakePlan(before, request.spec);
  reply.revision = before == nullptr ? 0 : before->revision;
  const bool retry = before != nullptr && HasFailedTask(model, *before);
  if (request.dry_run) {
    reply.message =
        reply.plan.changes.empty() ? "no changes" : absl::StrCat(reply.plan.changes.size(), " to change");
    return reply;
  }
  if (before != nullptr && reply.plan.changes.empty() && !retry) {
    reply.message = absl::StrCat("stack ", request.spec.name, " is up to date");
    return reply;
  }
  Take(model, request);
  reply.revision = model.stacks.at(request.spec.name).record.revision;
  reply.message = absl::StrCat("stack ", request.spec.name, " is at revision ", reply.revision,
                               model.frozen() ? absl::StrCat("; ", FrozenText(model)) : "");
  TellOperator(model, "StackApplied",
               absl::StrCat("stack ", request.spec.name, " revision ", reply.revision, " applied"),
               request.who, request.message, {request.spec.name, ""});
  return reply;
}

Reply Answer(Model& model, const RemoveStack& request) {
  Reply reply = ReplyTo(request.request);
  auto it = model.stacks.find(request.stack);
  if (it == model.stacks.end()) {
    reply.status = absl::NotFoundError(absl::StrCat("there is no stack ", request.stack));
    return reply;
  }
  Stack& stack = it->second;
  stack.record.removing = true;
  stack.record.remove_volumes = stack.record.remove_volumes || request.remove_volumes;
  model.TouchRecord(stack);
  for (auto service = model.services.lower_bound({request.stack, ""});
       service != model.services.end() && service->first.stack == request.stack; ++service) {
    service->second.retired = true;
    model.ReviewService(service->first);
    model.BackendsChanged(service->first);
    model.ShowService(service->first);
  }
  for (const QueueSpec& queue : stack.record.spec.queues) {
    model.ReviewQueue(request.stack, queue.name);
  }
  reply.revision = stack.record.revision;
  reply.message = absl::StrCat("stack ", request.stack, " is being removed");
  TellOperator(model, "StackRemoving",
               absl::StrCat("stack ", request.stack, " is being removed",
                            request.remove_volumes ? " with its volumes" : ""),
               request.who, request.message, {request.stack, ""});
  return reply;
}

Reply Answer(Model& model, const ScaleService& request) {
  Reply reply = ReplyTo(request.request);
  Service* service = FindLive(model, request.service, reply);
  if (service == nullptr) {
    return reply;
  }
  reply.status = WhyNotScaled(*service, request);
  if (!reply.status.ok()) {
    return reply;
  }
  ServiceRecord& record = service->record;
  const int64_t before = record.desired;
  record.desired = request.replicas;
  std::string until;
  if (service->spec->autoscale) {
    record.held = true;
    record.held_until.reset();
    until = " until resumed";
    if (request.hold && !request.forever) {
      record.held_until = request.wall + *request.hold;
      until = absl::StrCat(" for ", absl::FormatDuration(*request.hold));
    }
  }
  service->input_changed = true;
  model.TouchRecord(*service);
  model.BackendsChanged(service->key);
  model.ReviewService(service->key);
  reply.message = absl::StrCat(ToString(service->key), " ", before, " → ", request.replicas, until);
  TellOperator(model, "ServiceScaled", reply.message, request.who, request.message, service->key);
  return reply;
}

Reply Answer(Model& model, const PauseService& request) {
  Reply reply = ReplyTo(request.request);
  Service* service = FindLive(model, request.service, reply);
  if (service == nullptr) {
    return reply;
  }
  ServiceRecord& record = service->record;
  record.paused = true;
  record.pause_down_only = request.down_only;
  record.paused_until.reset();
  if (request.duration) {
    record.paused_until = request.wall + *request.duration;
  }
  service->input_changed = true;
  model.TouchRecord(*service);
  model.ReviewService(service->key);
  HandsOffChanged(model, *service);
  reply.message = absl::StrCat(
      ToString(service->key), request.down_only ? " is not scaled down" : " is not scaled",
      request.duration ? absl::StrCat(" for ", absl::FormatDuration(*request.duration)) : " until resumed");
  TellOperator(model, "ServicePaused", reply.message, request.who, request.message, service->key);
  return reply;
}

Reply Answer(Model& model, const ResumeService& request) {
  Reply reply = ReplyTo(request.request);
  Service* service = FindLive(model, request.service, reply);
  if (service == nullptr) {
    return reply;
  }
  ServiceRecord& record = service->record;
  record.paused = record.pause_down_only = record.held = false;
  record.paused_until.reset();
  record.held_until.reset();
  service->input_changed = true;
  model.TouchRecord(*service);
  model.ReviewService(service->key);
  HandsOffChanged(model, *service);
  reply.message = absl::StrCat(ToString(service->key), " is scaled by its signals");
  TellOperator(model, "ServiceResumed", reply.message, request.who, request.message, service->key);
  return reply;
}

}  // namespace drover::controller
