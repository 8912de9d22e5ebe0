#include "controller/runtime/agent_server.h"

#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "controller/runtime/agent_admission.h"
#include "controller/runtime/agent_requests.h"
#include "controller/runtime/agent_stream.h"
#include "controller/runtime/convert.h"
#include "controller/runtime/grpc_tls.h"
#include "controller/runtime/logger.h"
#include "controller/runtime/loop.h"

namespace drover::controller {
namespace {

constexpr uint32_t kProtocol = v1::PROTOCOL_VERSION_1;
constexpr uint32_t kHeartbeatSlots = 10;

using Replaces = AgentStream::Replaces;
using StreamPtr = std::shared_ptr<AgentStream>;

// What of it matters is told in our own words where it is handled.
void LogFromGrpc(gpr_log_func_args* args) { Log(LogLevel::kDebug, "gRPC", {{"text", args->message}}); }

void SetChannelArguments(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(16 << 20);
  builder.SetMaxSendMessageSize(64 << 20);
  // Bandwidth probing costs a PING for about every report; the reports are far too small for it.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // Below the agents' own keepalive, or they are answered with "too_many_pings".
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10000);
}

bool HasSingleton(const v1::Assignment& assignment) {
  return std::any_of(assignment.services().begin(), assignment.services().end(),
                     [](const v1::ServiceContext& s) { return s.singleton(); });
}

class Server : public AgentServer, public AgentStreamOwner {
 public:
  explicit Server(Options options)
      : options_(std::move(options)),
        admission_(options_.tls.has_value(), options_.membership, options_.audit),
        service_(this) {}

  ~Server() override { Stop(); }

  absl::Status Listen() override {
    gpr_set_log_function(LogFromGrpc);
    std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
    if (options_.tls.has_value()) {
      ASSIGN_OR_RETURN(credentials, ServerCredentialsOf(*options_.tls));
    }
    grpc::ServerBuilder builder;
    SetChannelArguments(builder);
    acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, credentials);
    builder.RegisterService(&service_);
    absl::StatusOr<std::unique_ptr<AgentListener>> listener = AgentListener::Open(options_.listen);
    if (!listener.ok()) {
      return absl::UnavailableError(absl::StrCat(options_.listen, ": ", listener.status().message(),
                                                 "; stop the program that uses it or set grpc.listen"));
    }
    listener_ = *std::move(listener);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) {
      return absl::InternalError("gRPC does not start");
    }
    listener_->Start(options_.admission, [this](int socket) {
      grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
      connection.fd = socket;
      acceptor_->HandleNewConnection(&connection);
    });
    timer_ = std::thread([this] { RunTimer(); });
    return absl::OkStatus();
  }

  int port() const override { return listener_ == nullptr ? 0 : listener_->port(); }

  size_t connected() const override {
    const std::lock_guard lock(mutex_);
    return nodes_.size();
  }

  void Send(Order order) override;
  void Stop() override;

  void Cut(const NodeId& node, const std::string& message) override;

  std::vector<NodeId> ConnectedNodes() const override;
  std::vector<ImageInfo> ResolveImage(const std::string& image, const std::vector<NodeId>& nodes, bool pull,
                                      Duration timeout) override;
  std::vector<std::optional<EdgeCheckAnswer>> CheckEdges(const std::vector<EdgeCheckQuery>& queries,
                                                         Duration timeout) override;
  absl::StatusOr<std::unique_ptr<OutputStream>> OpenLog(NodeId node, const LogQuery& query) override;
  absl::StatusOr<std::unique_ptr<OutputStream>> Exec(NodeId node, const ExecQuery& query) override;

  void OnMessage(AgentStream& stream, const v1::AgentMessage& message) override;
  void OnClosed(AgentStream& stream) override;

 private:
  class Service : public v1::AgentService::CallbackService {
   public:
    explicit Service(Server* server) : server_(server) {}

    grpc::ServerBidiReactor<v1::AgentMessage, v1::ControllerMessage>* Connect(
        grpc::CallbackServerContext* context) override {
      return server_->Accept(context);
    }

   private:
    Server* server_;
  };

  AgentStream* Accept(grpc::CallbackServerContext* context);
  void OnHello(AgentStream& stream, const v1::Hello& hello);
  void OnReport(AgentStream& stream, const NodeId& node, const v1::Report& report);
  void SendRefusal(AgentStream& stream, Refuse::Code code, const std::string& message);
  void SendSecrets(AgentStream& stream, const v1::Assignment& assignment);
  void Welcomed(const StreamPtr& stream, const NodeId& node);
  StreamPtr FindStream(const NodeId& node) const;
  absl::StatusOr<std::unique_ptr<OutputStream>> OpenOutput(
      const NodeId& node, const std::function<v1::ControllerMessage(uint64_t)>& make);
  void RunTimer();
  void SendHeartbeats(uint64_t slot);
  void CloseSilent();

  const Options options_;
  const AgentAdmission admission_;
  Service service_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<AgentListener> listener_;
  AgentRequests requests_;
  std::atomic<uint64_t> epoch_{0};

  mutable std::mutex mutex_;
  bool stopping_ = false;
  uint64_t last_stream_ = 0;
  std::map<StreamId, StreamPtr> streams_;
  std::map<StreamId, Instant> awaiting_hello_;  // until when
  std::set<StreamId> heartbeats_;               // streams to nodes that run singletons
  std::map<NodeId, StreamId> nodes_;            // welcomed

  std::condition_variable stop_timer_;
  std::thread timer_;
};

AgentStream* Server::Accept(grpc::CallbackServerContext* context) {
  std::unique_lock lock(mutex_);
  const StreamId id(++last_stream_);
  auto stream = std::make_shared<AgentStream>(this, id, context);
  streams_[id] = stream;
  awaiting_hello_[id] = Now() + options_.hello_timeout;
  const bool stopping = stopping_;
  lock.unlock();
  stream->Begin();
  if (stopping) {
    stream->Close({grpc::StatusCode::UNAVAILABLE, "the controller is stopping"});
  }
  return stream.get();
}

void Server::OnMessage(AgentStream& stream, const v1::AgentMessage& message) {
  const std::optional<NodeId> node = stream.node();
  if (!node.has_value()) {
    if (message.has_hello()) {
      OnHello(stream, message.hello());
    } else {
      SendRefusal(stream, Refuse::Code::kProtocol, "the first message must be Hello");
    }
    return;
  }
  switch (message.message_case()) {
    case v1::AgentMessage::kReport:
      return OnReport(stream, *node, message.report());
    case v1::AgentMessage::kNeedFull:
      return options_.post(ToCore(message.need_full(), {.now = Now(), .node = *node, .stream = stream.id()}),
                           /*quiet=*/false);
    case v1::AgentMessage::kImageResult:
      return requests_.Answer(*node, message.image_result());
    case v1::AgentMessage::kChunk:
      return requests_.Answer(*node, message.chunk());
    case v1::AgentMessage::kHello:
      return SendRefusal(stream, Refuse::Code::kProtocol, "Hello may be sent once only");
    case v1::AgentMessage::kCertificateRequest:
      stream.Send(admission_.Renew(stream, *node, message.certificate_request()), Replaces::kNothing);
      return;
    case v1::AgentMessage::kEdgeCheckResult:
      return requests_.Answer(*node, message.edge_check_result());
    case v1::AgentMessage::MESSAGE_NOT_SET:
      return;  // of a newer protocol
  }
}

void Server::OnHello(AgentStream& stream, const v1::Hello& hello) {
  {
    const std::lock_guard lock(mutex_);
    awaiting_hello_.erase(stream.id());
  }
  if (hello.protocol_min() > kProtocol || hello.protocol_max() < kProtocol) {
    return SendRefusal(stream, Refuse::Code::kProtocol,
                       absl::StrCat("this controller (", DROVER_VERSION, ") speaks protocol ", kProtocol,
                                    ", the agent (", hello.version(), ") ", hello.protocol_min(), " to ",
                                    hello.protocol_max(), "; upgrade the older one"));
  }
  absl::StatusOr<NodeConnected> event = ToCore(hello, Now(), stream.id());
  if (!event.ok()) {
    return SendRefusal(stream, Refuse::Code::kIdentity, std::string(event.status().message()));
  }
  // Looked at again once it is known by its node: a removal in between has not seen it.
  for (const bool known : {false, true}) {
    if (const absl::Status peer = admission_.Admit(stream, event->node); !peer.ok()) {
      return SendRefusal(stream, Refuse::Code::kIdentity, std::string(peer.message()));
    }
    if (!known) {
      stream.set_node(event->node);
    }
  }
  Log(LogLevel::kInfo, "agent connected",
      {{"node", event->node.value()}, {"name", event->name}, {"peer", stream.peer()}});
  options_.post(*std::move(event), /*quiet=*/false);
}

void Server::Cut(const NodeId& node, const std::string& message) {
  std::vector<StreamPtr> cut;  // also one that was not welcomed yet
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, stream] : streams_) {
      if (stream->node() == node) {
        cut.push_back(stream);
      }
    }
  }
  for (const StreamPtr& stream : cut) {
    SendRefusal(*stream, Refuse::Code::kIdentity, message);
  }
}

void Server::OnReport(AgentStream& stream, const NodeId& node, const v1::Report& report) {
  std::vector<std::string> faults;
  options_.post(ToCore(report, {.now = Now(), .node = node, .stream = stream.id()}, faults),
                /*quiet=*/!stream.IsNews(report));
  if (!faults.empty()) {
    Log(LogLevel::kWarning, "malformed report", {{"node", node.value()}, {"fault", faults.front()}});
  }
}

void Server::OnClosed(AgentStream& stream) {
  const std::optional<NodeId> node = stream.node();
  bool current = false;
  bool stopping = false;
  {
    const std::lock_guard lock(mutex_);
    stopping = stopping_;
    streams_.erase(stream.id());
    awaiting_hello_.erase(stream.id());
    heartbeats_.erase(stream.id());
    if (node.has_value()) {
      const auto it = nodes_.find(*node);
      current = it != nodes_.end() && it->second == stream.id();
      if (current) {
        nodes_.erase(it);
      }
    }
  }
  if (!node.has_value()) {
    return;
  }
  if (current) {
    requests_.NodeGone(*node);
  }
  if (!stopping) {
    Log(LogLevel::kInfo, "agent disconnected", {{"node", node->value()}});
    options_.post(NodeDisconnected{.now = Now(), .node = *node, .stream = stream.id()}, /*quiet=*/false);
  }
}

void Server::SendRefusal(AgentStream& stream, Refuse::Code code, const std::string& message) {
  Log(LogLevel::kWarning, "agent refused", {{"peer", stream.peer()}, {"reason", message}});
  v1::ControllerMessage out;
  *out.mutable_refuse() = ToProto(Refuse{.code = code, .message = message});
  stream.Send(std::move(out), Replaces::kNothing, /*last=*/true);
}

void Server::Send(Order order) {
  StreamPtr stream;
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = streams_.find(order.stream); it != streams_.end()) {
      stream = it->second;
    }
  }
  if (stream == nullptr) {
    return;
  }
  v1::ControllerMessage message =
      ToProto(order, {.protocol = kProtocol, .report_interval = options_.report_interval});
  Replaces replaces = Replaces::kNothing;
  bool last = false;
  switch (message.message_case()) {
    case v1::ControllerMessage::kWelcome:
      epoch_ = message.welcome().epoch();
      Welcomed(stream, order.node);
      break;
    case v1::ControllerMessage::kRefuse:
      Log(LogLevel::kWarning, "agent refused",
          {{"node", order.node.value()}, {"reason", message.refuse().message()}});
      last = true;
      break;
    case v1::ControllerMessage::kAssignment:
      if (HasSingleton(message.assignment())) {
        const std::lock_guard lock(mutex_);
        heartbeats_.insert(stream->id());
      }
      SendSecrets(*stream, message.assignment());
      replaces = message.assignment().base_revision() == 0 ? Replaces::kAssignments : Replaces::kNothing;
      break;
    case v1::ControllerMessage::kProbes:
      replaces = Replaces::kProbes;
      break;
    case v1::ControllerMessage::kBackends:
      replaces = Replaces::kBackends;
      break;
    default:
      break;
  }
  stream->Send(std::move(message), replaces, last);
}

void Server::Welcomed(const StreamPtr& stream, const NodeId& node) {
  StreamPtr older;
  {
    const std::lock_guard lock(mutex_);
    const StreamId before = std::exchange(nodes_[node], stream->id());
    if (const auto it = streams_.find(before); before != stream->id() && it != streams_.end()) {
      older = it->second;
    }
  }
  if (older != nullptr) {
    requests_.NodeGone(node);
    older->Close({grpc::StatusCode::ABORTED, "the same node connected again"});
  }
}

void Server::SendSecrets(AgentStream& stream, const v1::Assignment& assignment) {
  v1::ControllerMessage out;
  for (const v1::ServiceContext& service : assignment.services()) {
    for (const v1::FileDigest& file : service.files()) {
      if (!file.secret() || !file.node_path().empty() || options_.secrets == nullptr) {
        continue;
      }
      if (auto content = options_.secrets->Find(file.sha256())) {
        v1::FileDigest& to = *out.mutable_files()->add_files();
        to = file;
        to.set_content(*std::move(content));
      }
    }
  }
  if (out.has_files()) {
    stream.Send(std::move(out), Replaces::kNothing);
  }
}

std::vector<NodeId> Server::ConnectedNodes() const {
  const std::lock_guard lock(mutex_);
  std::vector<NodeId> out;
  out.reserve(nodes_.size());
  for (const auto& [node, stream] : nodes_) {
    out.push_back(node);
  }
  return out;
}

StreamPtr Server::FindStream(const NodeId& node) const {
  const std::lock_guard lock(mutex_);
  const auto it = nodes_.find(node);
  if (it == nodes_.end()) {
    return nullptr;
  }
  const auto stream = streams_.find(it->second);
  return stream == streams_.end() ? nullptr : stream->second;
}

std::vector<ImageInfo> Server::ResolveImage(const std::string& image, const std::vector<NodeId>& nodes,
                                            bool pull, Duration timeout) {
  std::vector<uint64_t> requests;
  for (const NodeId& node : nodes) {
    const StreamPtr stream = FindStream(node);
    if (stream == nullptr) {
      continue;
    }
    const uint64_t request = requests_.NextId();
    requests_.ExpectImage(request, node);
    requests.push_back(request);
    v1::ControllerMessage message;
    message.mutable_image_request()->set_request(request);
    message.mutable_image_request()->set_image(image);
    message.mutable_image_request()->set_pull(pull);
    if (!stream->Send(std::move(message), Replaces::kNothing)) {
      requests_.Abandon(request);
    }
  }
  return requests_.CollectImages(requests, timeout);
}

std::vector<std::optional<EdgeCheckAnswer>> Server::CheckEdges(const std::vector<EdgeCheckQuery>& queries,
                                                               Duration timeout) {
  std::vector<uint64_t> requests;
  for (const EdgeCheckQuery& query : queries) {
    const uint64_t request = requests_.NextId();
    requests_.ExpectCheck(request, query.node);
    requests.push_back(request);
    v1::ControllerMessage message;
    message.mutable_edge_check()->set_request(request);
    message.mutable_edge_check()->set_set(query.set);
    const StreamPtr stream = FindStream(query.node);
    if (stream == nullptr || !stream->Send(std::move(message), Replaces::kNothing)) {
      requests_.Abandon(request);
    }
  }
  return requests_.CollectChecks(requests, timeout);
}

absl::StatusOr<std::unique_ptr<OutputStream>> Server::OpenOutput(
    const NodeId& node, const std::function<v1::ControllerMessage(uint64_t)>& make) {
  const StreamPtr stream = FindStream(node);
  if (stream == nullptr) {
    return absl::UnavailableError(absl::StrCat("node ", node.value(), " is not connected"));
  }
  const uint64_t request = requests_.NextId();
  auto output = requests_.ExpectOutput(request, node, [stream, request] {
    v1::ControllerMessage cancel;
    cancel.mutable_cancel()->set_request(request);
    stream->Send(std::move(cancel), Replaces::kNothing);
  });
  if (!stream->Send(make(request), Replaces::kNothing)) {
    requests_.Abandon(request);
  }
  return output;
}

absl::StatusOr<std::unique_ptr<OutputStream>> Server::OpenLog(NodeId node, const LogQuery& query) {
  return OpenOutput(node, [&query](uint64_t request) {
    v1::ControllerMessage message;
    v1::LogRequest& log = *message.mutable_log_request();
    log.set_request(request);
    log.set_replica_id(query.replica.value());
    log.set_follow(query.follow);
    log.set_tail(query.tail);
    log.set_since_unix(query.since_unix);
    log.set_timestamps(query.timestamps);
    return message;
  });
}

absl::StatusOr<std::unique_ptr<OutputStream>> Server::Exec(NodeId node, const ExecQuery& query) {
  return OpenOutput(node, [&query](uint64_t request) {
    v1::ControllerMessage message;
    v1::ExecRequest& exec = *message.mutable_exec_request();
    exec.set_request(request);
    exec.set_replica_id(query.replica.value());
    exec.mutable_command()->Assign(query.command.begin(), query.command.end());
    exec.mutable_environment()->Assign(query.environment.begin(), query.environment.end());
    exec.set_user(query.user);
    exec.set_working_dir(query.working_dir);
    exec.set_stdin(query.input);
    return message;
  });
}

void Server::RunTimer() {
  uint64_t slot = 0;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    stop_timer_.wait_for(lock, absl::ToChronoNanoseconds(options_.heartbeat_interval / kHeartbeatSlots));
    lock.unlock();
    SendHeartbeats(slot++ % kHeartbeatSlots);
    CloseSilent();
    lock.lock();
  }
}

// A tenth of the streams at a time, so that the messages are spread over the interval.
void Server::SendHeartbeats(uint64_t slot) {
  std::vector<StreamPtr> due;
  {
    const std::lock_guard lock(mutex_);
    for (const StreamId id : heartbeats_) {
      if (const auto it = streams_.find(id); id.value() % kHeartbeatSlots == slot && it != streams_.end()) {
        due.push_back(it->second);
      }
    }
  }
  v1::ControllerMessage message;
  message.mutable_heartbeat()->set_epoch(epoch_);
  message.mutable_heartbeat()->set_controller_boottime_ns(Now().nanoseconds());
  for (const StreamPtr& stream : due) {
    stream->Send(message, Replaces::kHeartbeats);
  }
}

void Server::CloseSilent() {
  std::vector<StreamPtr> silent;
  {
    const std::lock_guard lock(mutex_);
    const Instant now = Now();
    for (const auto& [id, deadline] : awaiting_hello_) {
      if (const auto it = streams_.find(id); now > deadline && it != streams_.end()) {
        silent.push_back(it->second);
      }
    }
  }
  for (const StreamPtr& stream : silent) {
    stream->Close({grpc::StatusCode::DEADLINE_EXCEEDED, "no Hello in time"});
  }
}

void Server::Stop() {
  std::vector<StreamPtr> open;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopping_, true)) {
      return;
    }
    for (const auto& [id, stream] : streams_) {
      open.push_back(stream);
    }
  }
  stop_timer_.notify_all();
  if (timer_.joinable()) {
    timer_.join();
  }
  if (server_ != nullptr) {
    listener_.reset();
    for (const StreamPtr& stream : open) {
      stream->Close({grpc::StatusCode::UNAVAILABLE, "the controller is stopping"});
    }
    open.clear();
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(500));
    server_->Wait();
  }
}

}  // namespace

std::unique_ptr<AgentServer> AgentServer::Create(Options options) {
  return std::make_unique<Server>(std::move(options));
}

}  // namespace drover::controller
