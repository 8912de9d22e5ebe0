#include "tests/sim/load.h"

#include <algorithm>

#include "tests/sim/world.h"

namespace drover::sim {
namespace {

constexpr double kJobsPerWorker = 2;  // per second
constexpr int64_t kIdleMilli = 5;
constexpr int64_t kOneCpu = 1000;

}  // namespace

Load::Load(World* world) : world_(world), prng_(Prng(world->options.seed).Split("load")) {}

void Load::Tick() {
  int64_t workers = 0;
  ready_web_ = 0;
  for (const auto& host : world_->hosts) {
    workers += host->engine().CountReady("worker");
    ready_web_ += host->engine().CountReady("web");
  }
  depth_ = std::max(0.0, depth_ + arrivals_ - kJobsPerWorker * static_cast<double>(workers));
}

void Load::Change() {
  arrivals_ = static_cast<double>(prng_.Below(15));
  if (prng_.Chance(0.3)) {
    depth_ += static_cast<double>(prng_.Below(300));
  }
  web_milli_ = static_cast<int64_t>(prng_.Below(4000));
}

void Load::Stop() {
  depth_ = 0;
  arrivals_ = 0;
  web_milli_ = 0;
  broker_ = Broker::kAnswers;
}

int64_t Load::CpuOf(const Host& host, const Box& box) const {
  if (box.container.service != "web" || !host.engine().IsReady(box) || ready_web_ == 0) {
    return kIdleMilli;
  }
  return std::clamp(web_milli_ / ready_web_, kIdleMilli, kOneCpu);
}

}  // namespace drover::sim
