#include "controller/runtime/http/http_server.h"

#include <httplib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/runtime/access/server_certificate.h"
#include "controller/runtime/http/api.h"
#include "controller/runtime/http/authorize.h"
#include "controller/runtime/http/connection.h"
#include "controller/runtime/http/connection_pool.h"
#include "controller/runtime/http/metrics.h"
#include "controller/runtime/http/routes.h"

namespace drover::controller {
namespace {

// The library matches paths by a recursive regex for requests with a body; names are far shorter.
constexpr size_t kLongestPath = 256;
constexpr int kBacklog = 1024;

class PoolQueue : public httplib::TaskQueue {
 public:
  explicit PoolQueue(ConnectionPool* pool) : pool_(pool) {}

  void enqueue(std::function<void()> task) override { pool_->Submit(std::move(task)); }

  void shutdown() override { pool_->Shutdown(); }

 private:
  ConnectionPool* const pool_;
};

bool IsWrite(const std::string& method) { return method != "GET" && method != "HEAD"; }

bool HasBody(const httplib::Request& request) {
  return request.has_header("Transfer-Encoding") ||
         (request.has_header("Content-Length") && request.get_header_value("Content-Length") != "0");
}

// A page of another origin in somebody's browser must not be able to change anything.
bool IsForeignOrigin(const httplib::Request& request) {
  const std::string origin = request.get_header_value("Origin");
  if (origin.empty()) {
    return false;
  }
  const size_t scheme = origin.find("://");
  return scheme == std::string::npos || origin.substr(scheme + 3) != request.get_header_value("Host");
}

ApiRequest ToApi(const httplib::Request& request, std::map<std::string, std::string> params) {
  ApiRequest out;
  out.method = request.method;
  out.path = request.path;
  out.body = request.body;
  out.remote = request.remote_addr;
  out.accept = request.get_header_value("Accept");
  out.last_event_id = request.get_header_value("Last-Event-ID");
  out.params = std::move(params);
  for (const auto& [name, value] : request.params) {
    out.query[name] = value;
  }
  return out;
}

void SetStream(std::unique_ptr<ByteStream> stream, const std::string& type, httplib::Response& response) {
  // std::function copies what it holds.
  std::shared_ptr<ByteStream> shared = std::move(stream);
  response.set_chunked_content_provider(type, [shared](size_t, httplib::DataSink& sink) {
    std::string bytes;
    const bool more = shared->Next(bytes);
    if (!bytes.empty() && !sink.write(bytes.data(), bytes.size())) {
      return false;
    }
    if (!more) {
      sink.done();
    }
    return true;
  });
}

void Send(ApiResponse from, httplib::Response& response) {
  response.status = from.status;
  for (auto& [name, value] : from.headers) {
    response.set_header(name, value);
  }
  if (from.stream != nullptr) {
    SetStream(std::move(from.stream), from.content_type, response);
  } else if (from.sent) {
    response.set_content_provider(
        from.body.size(), from.content_type,
        [body = from.body](size_t offset, size_t length, httplib::DataSink& sink) {
          return sink.write(body.data() + offset, length);
        },
        [sent = std::move(from.sent)](bool success) {
          if (success) {
            sent();
          }
        });
  } else {
    response.set_content(from.body, from.content_type);
  }
}

// Answers and closes the connection, whatever the client wants: what it may still send is not read.
void SendAndClose(ApiResponse from, httplib::Response& response) {
  response.status = from.status;
  for (auto& [name, value] : from.headers) {
    response.set_header(name, value);
  }
  response.set_header("Connection", "close");
  // A provider that fails after its last byte is how the library can be told to close.
  response.set_content_provider(from.body.size(), from.content_type,
                                [body = from.body](size_t, size_t, httplib::DataSink& sink) {
                                  sink.write(body.data(), body.size());
                                  return false;
                                });
}

ApiResponse MethodNotAllowed(const RouteMatch& match, const std::string& method) {
  const std::string allowed = absl::StrJoin(match.allowed, ", ");
  ApiResponse response = ErrorResponse(405, "MethodNotAllowed",
                                       absl::StrCat(method, " is not for this path; it has: ", allowed));
  response.headers.emplace_back("Allow", allowed);
  return response;
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(Options options, std::unique_ptr<LoopClient> loop, AgentLink* agents)
      : options_(std::move(options)),
        loop_(std::move(loop)),
        streams_(options_.event_streams),
        decisions_(loop_.get()),
        pool_({.threads = options_.connections}),
        handshakes_(options_.handshakes_per_second),
        authorizer_(options_.access, &api_, options_.token_needed) {
    api_ = {.loop = loop_.get(),
            .agents = agents,
            .history = options_.history,
            .access = options_.access,
            .agents_port = options_.agents_port,
            .streams = &streams_,
            .decisions = &decisions_,
            .stopping = &stopping_,
            .first_node_wait = options_.first_node_wait,
            .call_timeout = options_.call_timeout,
            .stream_poll = options_.stream_poll};
  }

  ~Impl() {
    Stop();
    close(stop_fd_);
  }

  absl::Status Start() {
    absl::Status bound = Open(main_, MakeServer(), options_.address, options_.port);
    if (bound.ok() && !options_.observation_address.empty()) {
      const ConnectionTerms terms = {.stop_fd = stop_fd_};
      observation_.observation = true;
      bound = Open(observation_, std::make_unique<ServerOn<httplib::Server>>(terms),
                   options_.observation_address, options_.observation_port);
    }
    if (!bound.ok()) {
      return bound;
    }
    for (Listener* listener : {&main_, &observation_}) {
      Run(*listener);
    }
    return absl::OkStatus();
  }

  int port() const { return main_.port; }

  int observation_port() const { return observation_.port; }

  void Stop() {
    if (!main_.thread.joinable()) {
      return;
    }
    stopping_ = true;
    eventfd_write(stop_fd_, 1);
    for (Listener* listener : {&main_, &observation_}) {
      if (listener->thread.joinable()) {
        listener->server->stop();
        listener->thread.join();
      }
    }
  }

 private:
  // A port and the library's server behind it.
  struct Listener {
    std::unique_ptr<httplib::Server> server;
    bool observation = false;  // only what monitoring reads, and no questions asked
    int socket = -1;
    int port = 0;
    std::thread thread;
  };

  std::unique_ptr<httplib::Server> MakeServer() {
    const ConnectionTerms terms = {.stop_fd = stop_fd_, .handshakes = &handshakes_};
    if (options_.certificate == nullptr) {
      return std::make_unique<ServerOn<httplib::Server>>(terms);
    }
    return std::make_unique<ServerOn<httplib::SSLServer>>(terms, [this](SSL_CTX& context) {
      options_.certificate->Serve(&context);
      return true;
    });
  }

  absl::Status Open(Listener& listener, std::unique_ptr<httplib::Server> server, const std::string& address,
                    int port) {
    listener.server = std::move(server);
    Configure(listener);
    return Bind(listener, address, port);
  }

  static void Run(Listener& listener) {
    if (listener.server == nullptr) {
      return;
    }
    listener.thread = std::thread([&listener] { listener.server->listen_after_bind(); });
    while (!listener.server->is_running()) {
      std::this_thread::yield();
    }
  }

  void Configure(Listener& listener) {
    httplib::Server& server = *listener.server;
    server.new_task_queue = [this] { return new PoolQueue(&pool_); };
    server.set_payload_max_length(options_.body_limit);
    server.set_default_headers({{"X-Content-Type-Options", "nosniff"}});
    server.set_socket_options([&listener](int socket) {
      const int on = 1;
      // Not SO_REUSEPORT, the library's own choice: a port in use must be an error.
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
      listener.socket = socket;
    });
    server.set_pre_routing_handler(
        [this, &listener](const httplib::Request& request, httplib::Response& response) {
          return BeforeBody(listener, request, response) ? httplib::Server::HandlerResponse::Handled
                                                         : httplib::Server::HandlerResponse::Unhandled;
        });
    const auto with_body = [this, &listener](const httplib::Request& request, httplib::Response& response) {
      Serve(listener, request, response);
    };
    server.Put("/v1/.*", with_body);
    server.Post("/v1/.*", with_body);
    server.set_error_handler(httplib::Server::Handler(
        [this](const httplib::Request&, httplib::Response& response) { ExplainLibraryError(response); }));
    server.set_exception_handler(
        [](const httplib::Request&, httplib::Response& response, std::exception_ptr) {
          Send(ErrorResponse(500, "Internal", "the request could not be served"), response);
        });
  }

  static absl::Status Bind(Listener& listener, const std::string& address, int port) {
    errno = 0;
    const int bound = port == 0 ? listener.server->bind_to_any_port(address)
                                : (listener.server->bind_to_port(address, port) ? port : -1);
    if (bound < 0) {
      const int error = errno;
      return absl::FailedPreconditionError(
          absl::StrCat("HTTP: can't listen on ", address, ":", port, ": ",
                       error == 0 ? "not an address of this host" : std::strerror(error)));
    }
    listener.port = bound;
    // The library's backlog of 5 loses connections of a burst.
    ::listen(listener.socket, kBacklog);
    return absl::OkStatus();
  }

  // True: answered. False: a good write, served when its body is here.
  bool BeforeBody(const Listener& listener, const httplib::Request& request, httplib::Response& response) {
    if (ConnectionPool::OnOverflowThread()) {
      SendAndClose(Overloaded(), response);
      return true;
    }
    if (request.path.size() > kLongestPath) {
      SendAndClose(ErrorResponse(404, "NotFound", "no such path; see /v1/openapi.json"), response);
      return true;
    }
    RouteMatch match = FindRoute(request.method, request.path);
    ApiRequest asked = ToApi(request, match.params);
    std::optional<ApiResponse> refusal = Refusal(listener, request, match);
    const bool known = match.route != nullptr;
    if (!listener.observation) {
      const std::string shown = request.get_header_value("Authorization");
      // First, so that strangers learn nothing else.
      if (auto denied = known ? authorizer_.Admit(*match.route, shown, asked)
                              : authorizer_.AdmitUnknown(shown, asked)) {
        refusal = std::move(denied);
      }
    }
    if (refusal) {
      HasBody(request) ? SendAndClose(*std::move(refusal), response) : Send(*std::move(refusal), response);
      return true;
    }
    if (match.route->request != nullptr) {
      return false;
    }
    if (HasBody(request)) {
      SendAndClose(ErrorResponse(400, "InvalidArgument", "this request has no body"), response);
      return true;
    }
    Answer(*match.route, asked, response);
    return true;
  }

  void Answer(const Route& route, const ApiRequest& request, httplib::Response& response) {
    ApiResponse answer = route.handler(api_, request);
    authorizer_.Audit(route, request, answer);
    Send(std::move(answer), response);
  }

  std::optional<ApiResponse> Refusal(const Listener& listener, const httplib::Request& request,
                                     const RouteMatch& match) const {
    const bool hidden = listener.observation && match.route != nullptr && !match.route->observation;
    if (match.allowed.empty() || hidden) {
      return ErrorResponse(404, "NotFound", "no such path; see /v1/openapi.json");
    }
    if (match.route == nullptr) {
      return MethodNotAllowed(match, request.method);
    }
    const bool write = IsWrite(request.method);
    if (!write && !match.route->essential && pool_.busy() + options_.reserved > pool_.limit()) {
      return Overloaded();
    }
    if (write && IsForeignOrigin(request)) {
      return ErrorResponse(403, "PermissionDenied", "changes are not taken from pages of another origin");
    }
    if (match.route->request == nullptr) {
      return std::nullopt;
    }
    if (!request.has_header("Content-Length") && !request.has_header("Transfer-Encoding")) {
      return ErrorResponse(411, "LengthRequired", "Content-Length: must be given");
    }
    const std::string type = request.get_header_value("Content-Type");
    if (HasBody(request) && !absl::StartsWith(type, "application/json")) {
      return ErrorResponse(415, "UnsupportedMediaType",
                           absl::StrCat("Content-Type: is \"", type, "\"; must be application/json"));
    }
    return std::nullopt;
  }

  static ApiResponse Overloaded() {
    return ErrorResponse(503, "Overloaded", "all connections are taken; try again in a moment");
  }

  // A request that BeforeBody let through, whole.
  void Serve(const Listener& listener, const httplib::Request& request, httplib::Response& response) {
    RouteMatch match = FindRoute(request.method, request.path);
    ApiRequest asked = ToApi(request, std::move(match.params));
    std::optional<ApiResponse> refusal = Refusal(listener, request, match);
    if (!refusal) {
      refusal = authorizer_.Admit(*match.route, request.get_header_value("Authorization"), asked);
    }
    if (refusal) {
      return Send(*std::move(refusal), response);
    }
    Answer(*match.route, asked, response);
  }

  // What the library refuses by itself has a status and no body.
  void ExplainLibraryError(httplib::Response& response) const {
    if (!response.body.empty() || response.content_provider_) {
      return;
    }
    switch (response.status) {
      case 413:
        Send(ErrorResponse(413, "TooLarge",
                           absl::StrCat("the body is larger than ", options_.body_limit, " bytes")),
             response);
        break;
      case 400:
        Send(ErrorResponse(400, "InvalidArgument", "not an HTTP request"), response);
        break;
      default:
        Send(ErrorResponse(response.status, "Refused", "the request could not be served"), response);
    }
  }

  const Options options_;
  const std::unique_ptr<LoopClient> loop_;
  std::atomic<bool> stopping_ = false;
  Gate streams_;
  DecisionCounter decisions_;
  ConnectionPool pool_;
  HandshakeGate handshakes_;
  Api api_;
  const Authorizer authorizer_;
  const int stop_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  Listener main_;
  Listener observation_;
};

HttpServer::HttpServer(Options options, std::unique_ptr<LoopClient> loop, AgentLink* agents)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(loop), agents)) {}

HttpServer::~HttpServer() = default;

absl::Status HttpServer::Start() { return impl_->Start(); }

int HttpServer::port() const { return impl_->port(); }

int HttpServer::observation_port() const { return impl_->observation_port(); }

void HttpServer::Stop() { impl_->Stop(); }

}  // namespace drover::controller
