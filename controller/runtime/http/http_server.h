// The controller's HTTP side: /v1 (proto/drover/v1/api.proto), /metrics, /healthz, /readyz. Reads come
// from immutable snapshots, changes go through the loop and are answered when they are durable.
//
//   connection ─► thread (bounded, R13) ─► route ─► handler(Api, ApiRequest) ─► ApiResponse
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "controller/ports/agent_link.h"
#include "controller/ports/history.h"
#include "controller/runtime/http/loop_client.h"

namespace drover::controller {

class AccessControl;
class ServerCertificate;

class HttpServer {
 public:
  struct Options {
    std::string address = "127.0.0.1";
    int port = 7401;  // 0: any free one, see port()
    // For monitoring: /metrics, /healthz, /readyz and http_sd, plain and without a token. Empty: none.
    std::string observation_address;
    int observation_port = 0;
    // Both outlive the server.
    ServerCertificate* certificate = nullptr;  // null: plain HTTP
    AccessControl* access = nullptr;           // null: no tokens, nobody joins, no audit
    bool token_needed = false;
    std::function<int()> agents_port;    // where nodes that joined find the stream; absent: nobody joins
    double handshakes_per_second = 200;  // of TLS (R13)

    size_t connections = 1280;                       // at a time, each with a thread (R13)
    size_t reserved = 32;                            // of these kept for health, metrics and writes
    size_t event_streams = 1000;                     // at a time
    size_t body_limit = 16U << 20;                   // bytes of a request's body
    HistoryLog* history = nullptr;                   // outlives the server; null: none is kept
    Duration first_node_wait = absl::Seconds(10);    // `up` waits so long for a first agent
    Duration call_timeout = absl::Seconds(30);       // for the loop to make a change durable
    Duration stream_poll = absl::Milliseconds(500);  // a stream sees Stop() after at most this long
  };

  // The loop and the link outlive the server.
  HttpServer(Options options, Loop* loop, AgentLink* agents);
  HttpServer(Options options, std::unique_ptr<LoopClient> loop, AgentLink* agents);
  // Stops.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Listens and serves on threads of its own. FailedPrecondition when the address can't be listened on; it
  // names the place.
  absl::Status Start();

  // The ports listened on, after Start.
  int port() const;
  int observation_port() const;

  // Ends streams, lets requests under way finish (about a second), closes. May be called twice.
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace drover::controller
