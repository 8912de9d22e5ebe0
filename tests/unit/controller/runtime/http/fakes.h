// A loop and an agent link that answer what a test has put into them, and a server over both on a free
// port of loopback.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "controller/runtime/http/http_server.h"
#include "controller/runtime/http/loop_client.h"

namespace drover::controller {

// Shared with the server, which owns its LoopClient.
struct FakeLoopState {
  std::mutex mutex;
  std::condition_variable changed;
  std::shared_ptr<const View> view = std::make_shared<View>();
  std::deque<EventRecord> events;
  std::vector<Event> calls;
  std::vector<Event> posted;
  std::function<absl::StatusOr<Reply>(const Event&)> answer = [](const Event&) { return Reply(); };
  Loop::Stats stats;

  void Publish(View next) {
    const std::lock_guard lock(mutex);
    view = std::make_shared<const View>(std::move(next));
    changed.notify_all();
  }

  void Happen(EventRecord event) {
    const std::lock_guard lock(mutex);
    events.push_back(std::move(event));
    changed.notify_all();
  }
};

class FakeLoop : public LoopClient {
 public:
  explicit FakeLoop(std::shared_ptr<FakeLoopState> state) : state_(std::move(state)) {}

  Instant Now() const override { return Instant::FromNanoseconds(5'000'000'000); }

  void Post(Event event) override {
    const std::lock_guard lock(state_->mutex);
    state_->posted.push_back(std::move(event));
  }

  absl::StatusOr<Reply> Call(Event event, Duration) override {
    const std::lock_guard lock(state_->mutex);
    state_->calls.push_back(event);
    return state_->answer(event);
  }

  std::shared_ptr<const View> view() const override {
    const std::lock_guard lock(state_->mutex);
    return state_->view;
  }

  std::shared_ptr<const View> WaitView(const View* than, Duration timeout) const override {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait_for(lock, absl::ToChronoNanoseconds(timeout),
                             [&] { return state_->view.get() != than; });
    return state_->view;
  }

  std::vector<EventRecord> Events(uint64_t since, size_t limit, Duration timeout) const override {
    std::unique_lock lock(state_->mutex);
    const auto& events = state_->events;
    state_->changed.wait_for(lock, absl::ToChronoNanoseconds(timeout),
                             [&] { return !events.empty() && events.back().id > since; });
    std::vector<EventRecord> found;
    for (const EventRecord& event : events) {
      if (event.id > since && found.size() < limit) {
        found.push_back(event);
      }
    }
    return found;
  }

  Loop::Stats stats() const override {
    const std::lock_guard lock(state_->mutex);
    return state_->stats;
  }

 private:
  const std::shared_ptr<FakeLoopState> state_;
};

// Chunks given beforehand; then the end, or nothing more.
class FakeOutput : public OutputStream {
 public:
  explicit FakeOutput(std::deque<OutputChunk> chunks) : chunks_(std::move(chunks)) {}

  absl::StatusOr<OutputChunk> Next(Duration) override {
    if (chunks_.empty()) {
      return absl::UnavailableError("node is gone");
    }
    OutputChunk chunk = std::move(chunks_.front());
    chunks_.pop_front();
    return chunk;
  }

 private:
  std::deque<OutputChunk> chunks_;
};

class FakeAgents : public AgentLink {
 public:
  std::vector<NodeId> nodes = {NodeId("n1"), NodeId("n2")};
  // By image and node; what is not here is not present.
  std::map<std::pair<std::string, std::string>, ImageInfo> images;
  std::map<std::string, ImageInfo> registry;            // what a pull gives
  std::map<std::string, std::deque<OutputChunk>> logs;  // by node
  std::deque<OutputChunk> exec_output;
  ExecQuery last_exec;
  LogQuery last_log;

  std::vector<std::pair<std::string, bool>> resolved() const {
    const std::lock_guard lock(mutex_);
    return resolved_;
  }

  std::vector<NodeId> ConnectedNodes() const override { return nodes; }

  std::vector<ImageInfo> ResolveImage(const std::string& image, const std::vector<NodeId>& asked, bool pull,
                                      Duration) override {
    const std::lock_guard lock(mutex_);
    resolved_.emplace_back(image, pull);
    std::vector<ImageInfo> answers;
    for (const NodeId& node : asked) {
      ImageInfo info;
      if (const auto found = images.find({image, node.value()}); found != images.end()) {
        info = found->second;
      } else if (const auto pulled = registry.find(image); pull && pulled != registry.end()) {
        info = pulled->second;
      }
      info.node = node;
      answers.push_back(info);
    }
    return answers;
  }

  std::map<std::pair<std::string, uint32_t>, EdgeCheckAnswer>
      checks;  // by node and handle; others don't answer

  std::vector<std::optional<EdgeCheckAnswer>> CheckEdges(const std::vector<EdgeCheckQuery>& queries,
                                                         Duration) override {
    std::vector<std::optional<EdgeCheckAnswer>> answers;
    for (const EdgeCheckQuery& query : queries) {
      const auto found = checks.find({query.node.value(), query.set});
      answers.push_back(found == checks.end() ? std::nullopt : std::optional(found->second));
    }
    return answers;
  }

  absl::StatusOr<std::unique_ptr<OutputStream>> OpenLog(NodeId node, const LogQuery& query) override {
    last_log = query;
    const auto found = logs.find(node.value());
    if (found == logs.end()) {
      return absl::UnavailableError("node is not connected");
    }
    return std::make_unique<FakeOutput>(found->second);
  }

  absl::StatusOr<std::unique_ptr<OutputStream>> Exec(NodeId, const ExecQuery& query) override {
    last_exec = query;
    return std::make_unique<FakeOutput>(exec_output);
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<std::string, bool>> resolved_;
};

// A ready replica on n1 and a pending one, an autoscaler and its last decision.
inline std::shared_ptr<ServiceView> ShopWeb() {
  auto service = std::make_shared<ServiceView>();
  service->key = {.stack = "shop", .service = "web"};
  service->record.key = service->key;
  service->record.desired = 2;
  service->spec.name = "web";
  service->spec.image = "shop/web:1";
  service->spec.autoscale = AutoscaleSpec();
  service->spec.autoscale->min = 1;
  service->spec.autoscale->max = 9;
  ListenerSpec listener;
  listener.port = 8080;
  listener.target = 8000;
  service->spec.listeners.push_back(listener);
  ReplicaView ready;
  ready.record.id = ReplicaId(0xa1);
  ready.record.node = NodeId("n1");
  ready.record.number = 1;
  ready.state = ReplicaState::kReady;
  ready.name = "shop-web-1";
  ready.sample = ReplicaSample();
  ready.sample->cpu_milli = 250;
  ReplicaView pending;
  pending.record.id = ReplicaId(0xa2);
  pending.state = ReplicaState::kPending;
  pending.name = "shop-web-2";
  service->replicas = {ready, pending};
  service->blocked = {"pending: no node has 1 CPU free"};
  service->status = "scaling 1 -> 2";
  return service;
}

inline std::shared_ptr<const Decision> ShopDecision() {
  auto decision = std::make_shared<Decision>();
  decision->id = 5;
  decision->service = {.stack = "shop", .service = "web"};
  decision->current = 1;
  decision->desired = 2;
  decision->reason = "DesiredWithinRange";
  decision->winner = "cpu";
  SignalDecision signal;
  signal.name = "cpu";
  signal.value = 85;
  signal.target = 60;
  signal.unit = "%";
  signal.age = absl::Milliseconds(500);
  signal.wish = 2;
  signal.formula = "ceil(1 × 85 / 60) = 2";
  decision->signals.push_back(signal);
  return decision;
}

// shop/web on n1; n2 is lost and has an orphan.
inline View ShopView() {
  View view;
  view.now = Instant::FromNanoseconds(5'000'000'000);
  view.cluster = ClusterId("00000000000000c1");
  view.epoch = Epoch(7);
  view.ready = true;

  auto stack = std::make_shared<StackView>();
  stack->name = "shop";
  stack->revision = 3;
  view.stacks["shop"] = stack;

  const auto service = ShopWeb();
  service->decision = ShopDecision();
  view.services[service->key] = service;

  for (const char* id : {"n1", "n2"}) {
    auto node = std::make_shared<NodeView>();
    node->record.id = NodeId(id);
    node->record.name = std::string("host-") + id;
    node->status = NodeStatus::kUp;
    view.nodes[node->record.id] = node;
  }
  auto lost = std::make_shared<NodeView>(*view.nodes[NodeId("n2")]);
  FoundReplica orphan;
  orphan.id = ReplicaId(0xbb);
  orphan.name = "shop-web-9";
  lost->orphans.push_back(orphan);
  lost->status = NodeStatus::kLost;
  view.nodes[NodeId("n2")] = lost;
  return view;
}

struct TestServer {
  std::shared_ptr<FakeLoopState> loop = std::make_shared<FakeLoopState>();
  FakeAgents agents;
  std::unique_ptr<HttpServer> server;

  static HttpServer::Options Quick() {
    HttpServer::Options options;
    options.port = 0;
    options.first_node_wait = absl::Milliseconds(50);
    options.stream_poll = absl::Milliseconds(20);
    return options;
  }

  explicit TestServer(HttpServer::Options options = Quick()) {
    loop->view = std::make_shared<const View>(ShopView());
    server = std::make_unique<HttpServer>(options, std::make_unique<FakeLoop>(loop), &agents);
  }
};

}  // namespace drover::controller
