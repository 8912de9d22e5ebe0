#include "tests/sim/operator.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace drover::sim {
namespace {

// Services that scale by themselves, with their bounds.
struct Scaled {
  const char* name;
  int64_t min;
  int64_t max;
};

constexpr Scaled kScaled[] = {{"worker", 1, 10}, {"web", 2, 8}, {"site", 1, 5}, {"lazy", 0, 4}};
constexpr const char* kDeployed[] = {"worker", "web", "site", "lazy", "api", "db", "beat", "migrate"};

}  // namespace

struct Operator::Operation {
  uint64_t weight;
  void (Operator::*run)();
};

const Operator::Operation Operator::kOperations[] = {
    {4, &Operator::Deploy},      {3, &Operator::ScaleApi}, {2, &Operator::Hold},   {2, &Operator::Pause},
    {2, &Operator::Resume},      {1, &Operator::Down},     {2, &Operator::Cordon}, {2, &Operator::Drain},
    {2, &Operator::Maintenance}, {1, &Operator::Freeze},
};

Operator::Operator(World* world) : world_(world), prng_(Prng(world->options.seed).Split("operator")) {}

void Operator::Operate() {
  uint64_t all = 0;
  for (const Operation& operation : kOperations) {
    all += operation.weight;
  }
  uint64_t draw = prng_.Below(all);
  for (const Operation& operation : kOperations) {
    if (draw < operation.weight) {
      (this->*operation.run)();
      return;
    }
    draw -= operation.weight;
  }
}

void Operator::Deploy() {
  const std::string name = kDeployed[prng_.Below(std::size(kDeployed))];
  versions_.try_emplace(name, 1);
  world_->trace.Add("operator", absl::StrCat("deploys ", name, " version ", ++versions_[name]));
  applied_ = false;
}

void Operator::ScaleApi() {
  api_replicas_ = 1 + static_cast<int64_t>(prng_.Below(5));
  world_->trace.Add("operator", absl::StrCat("api has ", api_replicas_, " replicas"));
  applied_ = false;
}

void Operator::Hold() {
  const Scaled& scaled = kScaled[prng_.Below(std::size(kScaled))];
  controller::ScaleService scale;
  scale.service = {kStack, scaled.name};
  scale.replicas = scaled.min + static_cast<int64_t>(prng_.Below(scaled.max - scaled.min + 1));
  scale.forever = prng_.Chance(0.3);
  scale.hold = scale.forever ? std::nullopt : std::optional(absl::Minutes(1) * (1 + prng_.Below(10)));
  world_->trace.Add("operator", absl::StrCat("holds ", scaled.name, " at ", scale.replicas));
  world_->controller->Ask(std::move(scale));
}

void Operator::Pause() {
  controller::PauseService pause;
  pause.service = {kStack, kScaled[prng_.Below(std::size(kScaled))].name};
  pause.duration = absl::Minutes(2);
  pause.down_only = prng_.Chance(0.5);
  world_->trace.Add("operator", absl::StrCat("pauses ", pause.service.service));
  world_->controller->Ask(std::move(pause));
}

void Operator::Resume() {
  controller::ResumeService resume;
  resume.service = {kStack, kScaled[prng_.Below(std::size(kScaled))].name};
  world_->controller->Ask(std::move(resume));
}

void Operator::Down() {
  down_ = prng_.Chance(0.5);
  world_->trace.Add("operator", absl::StrCat("down", *down_ ? " -v" : ""));
}

// Comes to an end after a while, as all that people do to nodes here.
void Operator::ChangeAnyNode(controller::ChangeNode::Kind kind) {
  using NodeChange = controller::ChangeNode::Kind;
  const Host& host = *world_->hosts[prng_.Below(world_->hosts.size())];
  controller::ChangeNode change;
  change.node = host.node();
  change.kind = kind;
  const Duration length = absl::Minutes(1) + absl::Minutes(5) * prng_.Uniform();
  if (kind != NodeChange::kCordon && prng_.Chance(0.5)) {
    change.deadline = length * prng_.Uniform();
  }
  if (kind == NodeChange::kMaintenance) {
    change.duration = length;
  } else {
    world_->queue.After(length, [this, node = change.node] {
      controller::ChangeNode back;
      back.node = node;
      back.kind = NodeChange::kUncordon;
      world_->controller->Ask(std::move(back));
    });
  }
  world_->trace.Add("operator", absl::StrCat(kind == NodeChange::kCordon  ? "cordons "
                                             : kind == NodeChange::kDrain ? "drains "
                                                                          : "maintains ",
                                             host.name()));
  world_->controller->Ask(std::move(change));
}

void Operator::Cordon() { ChangeAnyNode(controller::ChangeNode::Kind::kCordon); }

void Operator::Drain() { ChangeAnyNode(controller::ChangeNode::Kind::kDrain); }

void Operator::Maintenance() { ChangeAnyNode(controller::ChangeNode::Kind::kMaintenance); }

void Operator::Freeze() {
  controller::FreezeCluster freeze;
  freeze.duration = absl::Minutes(3) * prng_.Uniform();
  world_->trace.Add("operator", "freezes the cluster");
  world_->controller->Ask(std::move(freeze));
}

// Every hold, pause, word on a node and freeze.
void Operator::TakeBack() {
  const Store& store = world_->controller->store();
  for (const auto& [key, record] : store.services) {
    if (record.held || record.paused) {
      controller::ResumeService resume;
      resume.service = key;
      world_->controller->Ask(std::move(resume));
    }
  }
  for (const auto& [id, record] : store.nodes) {
    if (record.availability != controller::NodeAvailability::kActive) {
      controller::ChangeNode back;
      back.node = id;
      back.kind = controller::ChangeNode::Kind::kUncordon;
      world_->controller->Ask(std::move(back));
    }
  }
  if (store.whole.frozen) {
    controller::FreezeCluster resume;
    resume.freeze = false;
    world_->controller->Ask(std::move(resume));
  }
}

void Operator::Apply() {
  controller::ApplyStack apply;
  apply.spec = MakeStack(versions_, api_replicas_, world_->registry);
  apply.who = "operator";
  world_->controller->Ask(std::move(apply));
}

// Repeated until it is seen: asking for the same again changes nothing.
void Operator::Second() {
  const ControllerHost& controller = *world_->controller;
  if (!controller.answers() || controller.on_other_store()) {
    return;
  }
  const auto stack = controller.view()->stacks.find(kStack);
  const bool known = stack != controller.view()->stacks.end();
  if (down_) {
    if (known && !stack->second->removing) {
      world_->controller->Ask(controller::RemoveStack{.now = {},
                                                      .request = {},
                                                      .stack = kStack,
                                                      .remove_volumes = *down_,
                                                      .message = "",
                                                      .who = "operator"});
    } else if (!known) {
      world_->trace.Add("operator", "sees the stack gone");
      down_.reset();
      up_at_ = world_->queue.now() + absl::Minutes(2) * prng_.Uniform();
      applied_ = false;
    }
    return;
  }
  if (up_at_ && world_->queue.now() < *up_at_ && !settling_) {
    return;
  }
  up_at_.reset();
  if (!applied_) {
    const auto stored = controller.store().stacks.find(kStack);
    applied_ = known && stored != controller.store().stacks.end() &&
               stored->second.spec == MakeStack(versions_, api_replicas_, world_->registry);
    if (!applied_) {
      Apply();
    }
  }
  if (settling_) {
    TakeBack();
  }
}

void Operator::Settle() { settling_ = true; }

bool Operator::satisfied() const {
  if (!applied_ || down_ || up_at_) {
    return false;
  }
  const Store& store = world_->controller->store();
  const bool free = std::none_of(store.services.begin(), store.services.end(),
                                 [](const auto& entry) { return entry.second.held || entry.second.paused; });
  const bool active = std::all_of(store.nodes.begin(), store.nodes.end(), [](const auto& entry) {
    return entry.second.availability == controller::NodeAvailability::kActive;
  });
  return free && active && !store.whole.frozen;
}

void Operator::OnReply(const controller::Reply& reply) {
  if (!reply.status.ok()) {
    world_->trace.Add("operator", absl::StrCat("refused: ", std::string(reply.status.message())));
  }
}

}  // namespace drover::sim
