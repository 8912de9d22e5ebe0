#include "controller/runtime/xds/xds_server.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "controller/runtime/grpc_tls.h"
#include "controller/runtime/loop.h"
#include "controller/runtime/xds/confirmations.h"
#include "controller/runtime/xds/xds_stream.h"

namespace drover::controller {
namespace {

// Stopping waits for at most this.
constexpr Duration kLook = absl::Milliseconds(200);
// Clients accept a change one by one; the core is told once for all of them.
constexpr std::chrono::milliseconds kTogether(20);

class Server : public XdsServer, public XdsStreamOwner {
 public:
  explicit Server(Options options)
      : options_(std::move(options)), confirmations_(Now(), options_.remembered), service_(this) {
    view_ = options_.wait_view(nullptr, absl::ZeroDuration());
    snapshot_ = NextSnapshot(*view_, std::make_shared<const XdsSnapshot>());
  }

  ~Server() override { Stop(); }

  absl::Status Listen() {
    std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
    if (options_.tls) {
      ASSIGN_OR_RETURN(credentials, ServerCredentialsOf(*options_.tls));
    }
    grpc::ServerBuilder builder;
    // Two controllers must not share a port silently.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    // A client that is cut off is noticed.
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
    builder.AddListeningPort(options_.listen, credentials, &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port_ == 0) {
      return absl::UnavailableError(absl::StrCat("xDS: can't listen on ", options_.listen));
    }
    watcher_ = std::thread([this] { WatchViews(); });
    confirmer_ = std::thread([this] { TellConfirmations(); });
    return absl::OkStatus();
  }

  int port() const override { return port_; }

  void Stop() override {
    std::vector<std::shared_ptr<XdsStream>> open;
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(stopping_, true)) {
        return;
      }
      for (const auto& [address, stream] : streams_) {
        open.push_back(stream);
      }
    }
    news_.notify_all();
    for (std::thread* thread : {&watcher_, &confirmer_}) {
      if (thread->joinable()) {
        thread->join();
      }
    }
    for (const auto& stream : open) {
      stream->Close({grpc::StatusCode::UNAVAILABLE, "the controller is stopping"});
    }
    open.clear();
    if (server_ != nullptr) {
      server_->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(500));
      server_->Wait();
    }
  }

 private:
  class Service : public envoy::service::discovery::v3::AggregatedDiscoveryService::CallbackService {
   public:
    explicit Service(Server* server) : server_(server) {}

    grpc::ServerBidiReactor<XdsSession::Request, XdsSession::Response>* StreamAggregatedResources(
        grpc::CallbackServerContext* context) override {
      return server_->Accept(context);
    }

   private:
    Server* const server_;
  };

  XdsStream* Accept(grpc::CallbackServerContext* context) {
    std::unique_lock lock(mutex_);
    auto stream = std::make_shared<XdsStream>(this, context, view_->epoch.value());
    streams_[stream.get()] = stream;
    const bool stopping = stopping_;
    lock.unlock();
    stream->Begin();
    if (stopping) {
      stream->Close({grpc::StatusCode::UNAVAILABLE, "the controller is stopping"});
    } else if (const absl::Status admitted = AdmitPeer(*context); !admitted.ok()) {
      stream->Close({grpc::StatusCode::PERMISSION_DENIED, std::string(admitted.message())});
    }
    return stream.get();
  }

  absl::Status AdmitPeer(const grpc::CallbackServerContext& context) const {
    if (!options_.tls || !options_.admit) {
      return absl::OkStatus();
    }
    const auto shown = context.auth_context()->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
    return options_.admit(shown.empty() ? "" : std::string(shown.front().data(), shown.front().size()));
  }

  void OnRequest(XdsStream& stream, const XdsSession::Request& request) override {
    const std::lock_guard lock(mutex_);
    const std::set<std::string> before = stream.session.endpoints();
    // In the order in which they were made: under the lock.
    stream.Send(stream.session.OnRequest(request, *snapshot_));
    for (const std::string& name : stream.session.endpoints()) {
      if (!before.contains(name)) {
        confirmations_.NoteAsked(stream.session, name);
      }
    }
    changed_ = true;
    news_.notify_all();
  }

  void OnClosed(XdsStream& stream) override {
    const std::lock_guard lock(mutex_);
    confirmations_.NoteLost(stream.session, *snapshot_, Now());
    streams_.erase(&stream);
  }

  void WatchViews() {
    while (true) {
      const auto view = options_.wait_view(view_.get(), kLook);
      const std::lock_guard lock(mutex_);
      if (stopping_) {
        return;
      }
      if (view == view_) {
        continue;
      }
      view_ = view;
      auto next = NextSnapshot(*view, snapshot_);
      if (next == snapshot_) {
        continue;
      }
      snapshot_ = std::move(next);
      for (const auto& [address, stream] : streams_) {
        stream->Send(stream->session.OnSnapshot(*snapshot_));
      }
      changed_ = true;
      news_.notify_all();
    }
  }

  void TellConfirmations() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      // Also without news: what went away is forgotten after a while.
      news_.wait_for(lock, absl::ToChronoNanoseconds(kLook), [this] { return changed_ || stopping_; });
      if (changed_) {
        news_.wait_for(lock, kTogether, [this] { return stopping_; });
      }
      changed_ = false;
      std::vector<const XdsSession*> sessions;
      for (const auto& [address, stream] : streams_) {
        sessions.push_back(&stream->session);
      }
      ConsumerApplied applied{Now(), absl::Now(), kXdsConsumer,
                              confirmations_.Changed(sessions, *snapshot_, Now())};
      lock.unlock();
      if (!applied.revisions.empty()) {
        options_.post(std::move(applied));
      }
      lock.lock();
    }
  }

  const Options options_;
  std::mutex mutex_;
  std::condition_variable news_;
  bool stopping_ = false;
  bool changed_ = false;
  std::shared_ptr<const View> view_;  // changed by the watcher only
  std::shared_ptr<const XdsSnapshot> snapshot_;
  XdsConfirmations confirmations_;
  std::map<XdsStream*, std::shared_ptr<XdsStream>> streams_;
  int port_ = 0;
  Service service_;
  std::unique_ptr<grpc::Server> server_;
  std::thread watcher_;
  std::thread confirmer_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<XdsServer>> XdsServer::Start(Options options) {
  auto server = std::make_unique<Server>(std::move(options));
  RETURN_IF_ERROR(server->Listen());
  return server;
}

}  // namespace drover::controller
