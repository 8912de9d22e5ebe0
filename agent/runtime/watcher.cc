#include "agent/runtime/watcher.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "agent/runtime/clock.h"

namespace drover::agent {
namespace {

constexpr char kOurs[] = "io.drover.replica";

// Events after which the core should see the container again. `exec_*`, `attach` and the like are noise.
bool Matters(const std::string& action) {
  static const std::set<std::string> kActions = {"create", "start",   "die",    "oom",
                                                 "pause",  "unpause", "destroy"};
  return kActions.contains(action) || absl::StartsWith(action, "health_status");
}

}  // namespace

class Watcher::Impl {
 public:
  Impl(WatcherOptions options, docker::Client* engine)
      : options_(std::move(options)), engine_(engine), cancel_(std::make_shared<docker::Cancel>()) {
    lister_ = std::thread([this] { RunLister(); });
    events_ = std::thread([this] { RunEvents(); });
  }

  ~Impl() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    cancel_->Trigger();
    events_.join();
    lister_.join();
  }

 private:
  // True when it is time to end.
  bool Sleep(Duration limit) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, absl::ToChronoMilliseconds(limit), [this] { return stop_ || list_now_; });
    list_now_ = false;
    return stop_;
  }

  void RunLister() {
    bool connected = false;
    while (true) {
      if (!connected) {
        absl::StatusOr<docker::EngineVersion> version = engine_->Negotiate();
        if (version.ok()) {
          connected = true;
          options_.connected(*version);
          options_.post(EngineReachable{Now(), true, ""});
        } else {
          Away(version.status());
        }
      }
      if (connected) {
        connected = List();
      }
      if (Sleep(connected ? options_.list_every : options_.retry)) {
        return;
      }
    }
  }

  // False when the engine does not answer.
  bool List() {
    absl::StatusOr<std::vector<Container>> list = engine_->List(kOurs);
    if (!list.ok()) {
      Away(list.status());
      return !absl::IsUnavailable(list.status()) && !absl::IsDeadlineExceeded(list.status());
    }
    std::vector<Container> whole;
    for (const Container& entry : *list) {
      absl::StatusOr<docker::Inspected> inspected = engine_->Inspect(entry.id);
      if (inspected.ok()) {
        whole.push_back(inspected->container);
      } else if (!absl::IsNotFound(inspected.status())) {
        Away(inspected.status());
        return false;
      }
    }
    options_.post(EngineListed{Now(), std::move(whole)});
    return true;
  }

  void Away(const absl::Status& status) {
    options_.away(status);
    options_.post(EngineReachable{Now(), false, std::string(status.message())});
  }

  void RunEvents() {
    while (true) {
      absl::Status status = engine_->Events(
          kOurs, 0, [this](const docker::EngineEvent& event) { Take(event); }, cancel_);
      std::unique_lock lock(mutex_);
      if (stop_) {
        return;
      }
      // What happened meanwhile shows in the list.
      list_now_ = true;
      wake_.notify_all();
      wake_.wait_for(lock, absl::ToChronoMilliseconds(options_.retry), [this] { return stop_; });
      if (stop_) {
        return;
      }
    }
  }

  void Take(const docker::EngineEvent& event) {
    auto label = event.attributes.find(kOurs);
    if (label == event.attributes.end()) {
      return;
    }
    absl::StatusOr<ReplicaId> replica = ParseReplicaId(label->second);
    if (!replica.ok()) {
      return;
    }
    bool ours = options_.ours(*replica);
    // `docker stop` and `docker kill` say "kill" first; a crash says only "die".
    if (event.action == "kill" && !ours) {
      killed_by_hand_.insert(event.container_id);
    }
    if (!Matters(event.action)) {
      return;
    }
    ContainerChanged changed{Now(), *replica, std::nullopt, false};
    if (event.action == "destroy") {
      changed.by_hand = !ours;
      killed_by_hand_.erase(event.container_id);
    } else {
      if (event.action == "die") {
        changed.by_hand = killed_by_hand_.erase(event.container_id) > 0;
      }
      absl::StatusOr<docker::Inspected> inspected = engine_->Inspect(event.container_id);
      if (inspected.ok()) {
        changed.container = inspected->container;
      } else if (!absl::IsNotFound(inspected.status())) {
        return;  // the list will tell
      }
    }
    options_.post(std::move(changed));
  }

  WatcherOptions options_;
  docker::Client* engine_;
  std::shared_ptr<docker::Cancel> cancel_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  bool list_now_ = false;
  std::set<std::string> killed_by_hand_;  // only on the events' thread
  std::thread events_;
  std::thread lister_;
};

Watcher::Watcher(WatcherOptions options, docker::Client* engine)
    : impl_(std::make_unique<Impl>(std::move(options), engine)) {}

Watcher::~Watcher() = default;

}  // namespace drover::agent
