// One stream of an xDS client: reads requests, writes responses, one at a time. Used by xds_server.cc only.
#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "controller/runtime/xds/session.h"
#include "envoy/service/discovery/v3/discovery.grpc.pb.h"

namespace drover::controller {

class XdsStream;

// What a stream tells its server. Called on gRPC's threads, without the stream's lock.
class XdsStreamOwner {
 public:
  virtual ~XdsStreamOwner() = default;
  virtual void OnRequest(XdsStream& stream, const XdsSession::Request& request) = 0;
  // The last call for this stream.
  virtual void OnClosed(XdsStream& stream) = 0;
};

class XdsStream : public grpc::ServerBidiReactor<XdsSession::Request, XdsSession::Response>,
                  public std::enable_shared_from_this<XdsStream> {
 public:
  // A client that leaves so many responses unread is taken as stuck.
  static constexpr size_t kMostWaiting = 1024;

  XdsStream(XdsStreamOwner* owner, grpc::CallbackServerContext* context, uint64_t epoch);

  // Starts reading; the stream keeps itself alive until gRPC is done with it.
  void Begin();

  // Guarded by the owner's lock.
  XdsSession session;

  // Thread-safe.
  void Send(std::vector<XdsSession::Response> responses);
  // Ends the stream after the write under way.
  void Close(const grpc::Status& status);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  void WriteNextLocked();

  XdsStreamOwner* const owner_;
  grpc::CallbackServerContext* const context_;
  std::shared_ptr<XdsStream> self_;
  XdsSession::Request incoming_;

  std::mutex mutex_;
  std::deque<XdsSession::Response> waiting_;
  XdsSession::Response outgoing_;  // being written
  bool writing_ = false;
  bool closing_ = false;
  bool finished_ = false;
  grpc::Status status_;
};

}  // namespace drover::controller
