#include "tests/sim/checkers/alone.h"

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace drover::sim {
namespace {

constexpr char kNeverTwice[] = "6 (data is never shared, singletons never run twice)";
constexpr Duration kFence = absl::Seconds(10);  // R7.2
constexpr Duration kSlack = absl::Seconds(3);   // for the engine

bool CouldAct(const World& world, const Host& host, const agent::ServiceContext& spec) {
  return host.agent_alive() && !host.frozen() && !host.engine().away() &&
         world.queue.now() - host.able_since() > kFence + spec.stop_grace + kSlack;
}

}  // namespace

void Alone::OnStarted(const World& world, const Host& host, const Box& box) {
  const std::string& service = box.container.service;
  const agent::ServiceContext& spec = world.registry.at(box.container.spec_hash);
  const bool pinned = service == "db";
  if (!pinned && !spec.singleton && !spec.task) {
    return;
  }
  if (pinned && data_host_.value_or(host.index()) != host.index()) {
    sink_->Break(kNeverTwice,
                 absl::StrCat(service, " starts on ", host.name(), ", its data is on host", *data_host_));
  }
  if (pinned) {
    data_host_ = host.index();
  }
  for (const auto& other : world.hosts) {
    for (const auto& [id, b] : other->engine().boxes()) {
      const bool runs = b.container.status == agent::Container::Status::kRunning;
      if (!runs || b.container.service != service || id == box.container.replica) {
        continue;
      }
      if (!spec.singleton || (CouldAct(world, *other, spec) && CouldAct(world, host, spec))) {
        sink_->Break(kNeverTwice,
                     absl::StrCat(service, " starts as ", ToString(box.container.replica), " on ",
                                  host.name(), " while ", ToString(id), " runs on ", other->name()));
      }
    }
  }
}

}  // namespace drover::sim
