#include "tests/sim/consumer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace drover::sim {
namespace {

constexpr Duration kAskEvery = absl::Seconds(2);

bool IsPulled(const controller::BackendSet& set) {
  return std::any_of(set.listeners.begin(), set.listeners.end(),
                     [](const controller::ListenerSpec& listener) { return listener.pull == kConsumer; });
}

}  // namespace

Consumer::Consumer(World* world) : world_(world), prng_(Prng(world->options.seed).Split("consumer")) {}

void Consumer::Start() {
  world_->queue.After(kAskEvery * prng_.Uniform(), [this] {
    if (world_->queue.now() >= away_until_ && world_->controller->answers()) {
      Ask();
    }
    Start();
  });
}

void Consumer::GoAway(Duration length) {
  world_->trace.Add(kConsumer, absl::StrCat("away for ", absl::FormatDuration(length)));
  away_until_ = world_->queue.now() + length;
}

void Consumer::Ask() {
  std::set<ReplicaId> routed;
  std::vector<std::pair<ServiceKey, uint64_t>> revisions;
  for (const auto& [key, service] : world_->controller->view()->services) {
    const auto& listeners = service->spec.listeners;
    if (std::none_of(listeners.begin(), listeners.end(),
                     [](const controller::ListenerSpec& l) { return l.pull == kConsumer; })) {
      continue;
    }
    if (!service->sets_known) {
      return;  // answered by 503
    }
    revisions.emplace_back(key, service->record.backend_revision);
    for (const controller::BackendSet& set : service->sets) {
      for (const controller::Backend& backend : set.backends) {
        if (IsPulled(set) && !backend.drain) {
          routed.insert(backend.replica);
        }
      }
    }
  }
  if (revisions.empty()) {
    return;
  }
  world_->controller->Post(controller::ConsumerApplied{
      .now = {}, .wall = {}, .consumer = kConsumer, .revisions = std::move(revisions)});
  const uint64_t asked = ++asked_;
  world_->queue.After(kConsumerDelay * 0.9 * prng_.Uniform(), [this, asked, routed = std::move(routed)] {
    if (asked > followed_) {
      followed_ = asked;
      routed_ = routed;
    }
  });
}

}  // namespace drover::sim
