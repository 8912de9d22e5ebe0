// Apart from the other files, so that tests with a fake backend need not link the loop and the core.
#include <utility>

#include "controller/runtime/http/http_server.h"
#include "controller/runtime/http/loop_client.h"

namespace drover::controller {
namespace {

class DirectLoopClient : public LoopClient {
 public:
  explicit DirectLoopClient(Loop* loop) : loop_(loop) {}

  Instant Now() const override { return controller::Now(); }

  void Post(Event event) override { loop_->Post(std::move(event)); }

  absl::StatusOr<Reply> Call(Event event, Duration timeout) override {
    return loop_->Call(std::move(event), timeout);
  }

  std::shared_ptr<const View> view() const override { return loop_->view(); }

  std::shared_ptr<const View> WaitView(const View* than, Duration timeout) const override {
    return loop_->WaitView(than, timeout);
  }

  std::vector<EventRecord> Events(uint64_t since, size_t limit, Duration timeout) const override {
    return loop_->Events(since, limit, timeout);
  }

  Loop::Stats stats() const override { return loop_->stats(); }

 private:
  Loop* const loop_;
};

}  // namespace

std::unique_ptr<LoopClient> MakeLoopClient(Loop* loop) { return std::make_unique<DirectLoopClient>(loop); }

HttpServer::HttpServer(Options options, Loop* loop, AgentLink* agents)
    : HttpServer(std::move(options), MakeLoopClient(loop), agents) {}

}  // namespace drover::controller
