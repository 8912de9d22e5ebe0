// One agent's stream: reads messages, writes what waits, one write at a time. Used by agent_server.cc
// only.
#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "controller/core/event.h"
#include "drover/v1/agent.grpc.pb.h"

namespace drover::controller {

class AgentStream;

// What a stream tells its server. Called on gRPC's threads, without the stream's lock.
class AgentStreamOwner {
 public:
  virtual ~AgentStreamOwner() = default;
  virtual void OnMessage(AgentStream& stream, const v1::AgentMessage& message) = 0;
  // The last call for this stream.
  virtual void OnClosed(AgentStream& stream) = 0;
};

class AgentStream : public grpc::ServerBidiReactor<v1::AgentMessage, v1::ControllerMessage>,
                    public std::enable_shared_from_this<AgentStream> {
 public:
  // What waiting messages of the same kind a new one makes superfluous.
  enum class Replaces { kNothing, kAssignments, kProbes, kBackends, kHeartbeats };

  // Beyond this many waiting messages the agent is taken as stuck.
  static constexpr size_t kMostWaiting = 1024;

  AgentStream(AgentStreamOwner* owner, StreamId id, grpc::CallbackServerContext* context);

  // Starts reading; the stream keeps itself alive until gRPC is done with it.
  void Begin();

  StreamId id() const { return id_; }

  // Node of the accepted Hello; nullopt before. Set once, by the owner, from OnMessage.
  std::optional<NodeId> node() const;
  void set_node(NodeId node);

  // Thread-safe. False: the stream is closing, the message is dropped. `last`: nothing follows, the
  // stream ends after it.
  bool Send(v1::ControllerMessage message, Replaces replaces, bool last = false);
  // Ends the stream after the write under way; what waits is dropped.
  void Close(const grpc::Status& status);

  // True when the peer's certificate names `node`: as common name, or as a DNS or URI name, the
  // latter also as drover-node:ID. Without TLS nothing is named: false.
  bool PeerIs(const NodeId& node) const;

  // The peer's certificate, PEM; empty: it showed none.
  std::string PeerCertificate() const;

  // Does the report say anything beside newer samples of what was there before? From OnMessage only.
  bool IsNews(const v1::Report& report);

  // Address of the peer, for logs.
  std::string peer() const { return context_->peer(); }

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  struct Waiting {
    v1::ControllerMessage message;
    Replaces kind = Replaces::kNothing;
  };

  void WriteNextLocked();

  AgentStreamOwner* const owner_;
  const StreamId id_;
  grpc::CallbackServerContext* const context_;
  std::shared_ptr<AgentStream> self_;
  v1::AgentMessage incoming_;  // reused for every message

  // Of the last report.
  struct Seen {
    uint64_t epoch = 0;
    uint64_t revision = 0;
    std::vector<uint32_t> handles;
    std::vector<uint32_t> states;
  };

  Seen seen_;

  mutable std::mutex mutex_;
  std::optional<NodeId> node_;
  std::deque<Waiting> waiting_;
  v1::ControllerMessage outgoing_;  // being written
  bool writing_ = false;
  bool closing_ = false;
  bool finished_ = false;
  grpc::Status status_;
};

}  // namespace drover::controller
