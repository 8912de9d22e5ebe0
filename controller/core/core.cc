#include "controller/core/core.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/core/assign.h"
#include "controller/core/availability.h"
#include "controller/core/backends.h"
#include "controller/core/drain.h"
#include "controller/core/foresee.h"
#include "controller/core/freeze.h"
#include "controller/core/liveness.h"
#include "controller/core/lost.h"
#include "controller/core/model.h"
#include "controller/core/operators.h"
#include "controller/core/plan.h"
#include "controller/core/probes.h"
#include "controller/core/report.h"
#include "controller/core/views.h"

namespace drover::controller {
namespace {

// Ticks come at least this often, so that a gap between them means that we did not run (R2.4).
constexpr Duration kHeartbeat = absl::Seconds(1);
// Reviews may call for further ones (room given back, a task completed); these settle in a few rounds.
constexpr int kReviewRounds = 16;
constexpr Duration kRecoveryCheck = absl::Seconds(10);

}  // namespace

class Core::Impl {
 public:
  Impl(const CoreOptions& options, const StoredState& stored, const CoreStart& start)
      : model_(options, stored, start), probes_(model_), backends_(model_), views_(model_) {
    for (auto& [id, node] : model_.nodes) {
      ReviewNode(model_, node);
    }
    ReviewSettled(model_);
    ReviewFreeze(model_);
    for (auto& [id, node] : model_.nodes) {
      ResumeAvailability(model_, node);
    }
  }

  void Step(const Event& event) {
    std::visit(
        [this](const auto& e) {
          NoteTime(model_, e.now);
          Handle(e);
        },
        event);
  }

  Ready TakeReady() {
    FireTimers();
    Ready ready;
    if (model_.deciding()) {
      Decide();
      probes_.Review(orders_);
      backends_.Review(orders_);
      ReviewAssignments(model_, orders_);
      ready.changes = model_.TakeChanges();
    }
    ready.orders = std::exchange(orders_, {});
    ready.replies = std::exchange(replies_, {});
    ready.view = views_.Take(/*at_once=*/!ready.replies.empty());
    ready.events = model_.TakeEvents();
    ready.history = model_.TakeHistory();
    ready.wake_at = model_.now + kHeartbeat;
    if (const std::optional<Instant> due = model_.NextDue()) {
      ready.wake_at = std::min(*ready.wake_at, *due);
    }
    return ready;
  }

 private:
  void Handle(const Tick& tick) { model_.wall = tick.wall; }

  void Handle(const NodeConnected& hello) { Connect(model_, hello, orders_); }

  void Handle(const NodeDisconnected& event) { Disconnect(model_, event); }

  void Handle(const NodeReport& report) { FoldReport(model_, probes_, report); }

  void Handle(const NeedFull& event) { ForgetSent(model_, event); }

  void Handle(const ApplyStack& request) {
    Operate(request);
    if (request.dry_run && replies_.back().status.ok()) {
      Foresee(model_, probes_, request.spec, &replies_.back().plan);
    }
  }

  void Handle(const RemoveStack& request) { Operate(request); }

  void Handle(const ScaleService& request) { Operate(request); }

  void Handle(const PauseService& request) { Operate(request); }

  void Handle(const ResumeService& request) { Operate(request); }

  void Handle(const ChangeNode& request) {
    const Node* node = model_.FindNode(request.node);
    const std::optional<StreamId> stream = node == nullptr ? std::nullopt : node->stream;
    Operate(request);
    if (stream && model_.FindNode(request.node) == nullptr) {
      orders_.push_back({request.node, *stream, Refuse{Refuse::Code::kRemoved, replies_.back().message}});
    }
  }

  void Handle(const FreezeCluster& request) { Operate(request); }

  void Handle(const PushMetric& metric) { replies_.push_back(probes_.Push(metric)); }

  void Handle(const ConsumerApplied& event) { NoteConsumer(model_, event); }

  void Handle(const HistoryBegins&) { ++model_.history_begun; }

  void Handle(const StoreHealth& health) {
    if (health.writable == model_.store_writable) {
      return;
    }
    model_.store_writable = health.writable;
    model_.store_error = health.error;
    model_.ShowStatus();
    model_.Tell({"node",
                 health.writable ? "StoreWritable" : "StoreUnwritable",
                 health.writable
                     ? "the store takes writes again; deciding goes on"
                     : absl::StrCat("the store cannot be written, so nothing new is decided: ", health.error),
                 {},
                 {},
                 {},
                 !health.writable});
  }

  template <typename Request>
  void Operate(const Request& request) {
    if (model_.deciding()) {
      replies_.push_back(Answer(model_, request));
      return;
    }
    Reply reply;
    reply.request = request.request;
    reply.status = absl::UnavailableError(
        model_.deposed.empty() ? absl::StrCat("the store cannot be written: ", model_.store_error)
                               : model_.deposed);
    replies_.push_back(std::move(reply));
  }

  void FireTimers() {
    for (const TimerKey& key : model_.TakeDue()) {
      switch (key.kind) {
        case TimerKey::Kind::kNode:
          if (Node* node = model_.FindNode(NodeId(key.first))) {
            node->armed.reset();
            ReviewNode(model_, *node);
          }
          break;
        case TimerKey::Kind::kService:
          model_.ReviewService({key.first, key.second});
          break;
        case TimerKey::Kind::kQueue:
          model_.ReviewQueue(key.first, key.second);
          break;
        case TimerKey::Kind::kSettle:
          ReviewSettled(model_);
          break;
        case TimerKey::Kind::kMassHold:
          ReviewRecovery();
          break;
        case TimerKey::Kind::kFreeze:
          ReviewFreeze(model_);
          break;
        case TimerKey::Kind::kAvailability:
          if (Node* node = model_.FindNode(NodeId(key.first))) {
            ReviewAvailability(model_, *node);
          }
          break;
        case TimerKey::Kind::kView:
          break;
      }
    }
  }

  // R2.5 is over when no replica waits to be replaced any more.
  void ReviewRecovery() {
    for (const auto& [id, replica] : model_.replicas) {
      if (WaitsToBeReplaced(model_, replica)) {
        model_.WakeAt({TimerKey::Kind::kMassHold, "", ""}, model_.now + kRecoveryCheck);
        return;
      }
    }
    model_.mass_recovery = false;
    model_.mass_hold_until.reset();
    for (auto& [key, service] : model_.services) {
      service.input_changed = true;
      model_.ReviewService(key);
    }
    model_.Tell({"node", "MassLossOver", "no replica waits to be replaced any more", {}, {}, {}});
  }

  void Decide() {
    for (int round = 0; round < kReviewRounds && model_.HasReviews(); ++round) {
      for (const ServiceKey& key : HighestPriorityFirst(model_.TakeReviews())) {
        if (Service* service = model_.FindService(key)) {
          ReviewService(model_, probes_, *service);
          if (service->retired && service->replicas.empty() && !service->stored) {
            model_.MaybeForget(key);
          }
          FinishRemoval(key.stack);
        }
      }
    }
  }

  // Who may take room from others has its turn before them (R10.3).
  std::vector<ServiceKey> HighestPriorityFirst(const std::set<ServiceKey>& keys) {
    std::vector<ServiceKey> sorted(keys.begin(), keys.end());
    const auto priority = [this](const ServiceKey& key) {
      const Service* service = model_.FindService(key);
      return service != nullptr && service->spec ? service->spec->priority : 0;
    };
    std::stable_sort(sorted.begin(), sorted.end(), [&priority](const ServiceKey& a, const ServiceKey& b) {
      return priority(a) > priority(b);
    });
    return sorted;
  }

  // `down` is over when nothing of the stack is left but tombstones on nodes that are away.
  void FinishRemoval(const std::string& name) {
    auto it = model_.stacks.find(name);
    if (it == model_.stacks.end() || !it->second.record.removing) {
      return;
    }
    std::vector<Service*> services;
    for (auto service = model_.services.lower_bound({name, ""});
         service != model_.services.end() && service->first.stack == name; ++service) {
      for (const ReplicaId id : service->second.replicas) {
        const Replica& replica = model_.replicas.at(id);
        const Node* node = model_.FindNode(replica.record.node);
        const bool away = node != nullptr && node->status == NodeStatus::kLost;
        if (replica.state != ReplicaState::kStopping || !away) {
          return;
        }
      }
      services.push_back(&service->second);
    }
    model_.TouchRecord(it->second);
    model_.stacks.erase(it);
    for (Service* service : services) {
      service->stored = false;
      model_.TouchRecord(*service);
      model_.BackendsChanged(service->key);
      model_.MaybeForget(service->key);
    }
    model_.Tell({"stack", "StackRemoved", absl::StrCat("stack ", name, " is gone"), {name, ""}, {}, {}});
  }

  Model model_;
  Probes probes_;
  Backends backends_;
  Views views_;
  std::vector<Order> orders_;
  std::vector<Reply> replies_;
};

Core::Core(const CoreOptions& options, const StoredState& stored, const CoreStart& start)
    : impl_(std::make_unique<Impl>(options, stored, start)) {}

Core::~Core() = default;

void Core::Step(const Event& event) { impl_->Step(event); }

Ready Core::TakeReady() { return impl_->TakeReady(); }

}  // namespace drover::controller
