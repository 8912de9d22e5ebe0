#include "tests/sim/load.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace drover::sim {
namespace {

constexpr double kJobsPerWorker = 2;  // per second
constexpr int64_t kJobsAtOnce = 2;    // in the hands of one worker
constexpr int64_t kIdleMilli = 5;
constexpr int64_t kOneCpu = 1000;
constexpr double kSpike = 10;

}  // namespace

Load::Load(World* world) : world_(world), prng_(Prng(world->options.seed).Split("load")) {}

void Load::Tick() {
  int64_t workers = 0;
  ready_web_ = 0;
  jobs_.clear();
  auto left = static_cast<int64_t>(depth_);
  for (const auto& host : world_->hosts) {
    ready_web_ += host->engine().CountReady("web");
    for (const auto& [id, box] : host->engine().boxes()) {
      if (box.container.service == "worker" && host->engine().IsReady(box)) {
        ++workers;
        jobs_[id] = std::min(left, kJobsAtOnce);
        left -= jobs_[id];
      }
    }
  }
  held_ = static_cast<double>(static_cast<int64_t>(depth_) - left);
  if (!constant_) {
    depth_ = std::max(0.0, depth_ + factor_ * arrivals_ - kJobsPerWorker * static_cast<double>(workers));
  }
}

void Load::Change() {
  arrivals_ = static_cast<double>(prng_.Below(15));
  if (prng_.Chance(0.3)) {
    depth_ += static_cast<double>(prng_.Below(300));
  }
  web_milli_ = static_cast<int64_t>(prng_.Below(4000));
  // Nothing at all for a while is what takes a service to zero.
  requests_["lazy"] = prng_.Chance(0.5) ? 0 : static_cast<double>(prng_.Below(30));
  requests_["site"] = static_cast<double>(prng_.Below(40));
  requests_["web"] = static_cast<double>(prng_.Below(20));
}

void Load::Spike(Duration length) {
  world_->trace.Add("world", absl::StrCat("load spikes for ", absl::FormatDuration(length)));
  factor_ = kSpike;
  world_->queue.After(length, [this, spike = ++spike_] {
    if (spike == spike_) {
      factor_ = 1;
    }
  });
}

void Load::Stop() {
  depth_ = 0;
  arrivals_ = 0;
  web_milli_ = 0;
  factor_ = 1;
  ++spike_;
  requests_.clear();
  broker_ = Broker::kAnswers;
}

void Load::Hold() {
  Change();
  depth_ = static_cast<double>(prng_.Below(120));
  constant_ = true;
}

int64_t Load::CpuOf(const Host& host, const Box& box) const {
  if (box.container.service != "web" || !host.engine().IsReady(box) || ready_web_ == 0) {
    return kIdleMilli;
  }
  const auto needed = static_cast<int64_t>(factor_ * static_cast<double>(web_milli_));
  return std::clamp(needed / ready_web_, kIdleMilli, kOneCpu);
}

int64_t Load::JobsOf(const Box& box) const {
  const auto it = jobs_.find(box.container.replica);
  return it != jobs_.end() ? it->second : 0;
}

double Load::RequestsAt(const std::string& service) const {
  const auto it = requests_.find(service);
  const double all = it != requests_.end() ? it->second : 0;
  return factor_ * all / static_cast<double>(world_->options.edges);
}

}  // namespace drover::sim
