#include "controller/runtime/xds/xds_stream.h"

#include <utility>

namespace drover::controller {

XdsStream::XdsStream(XdsStreamOwner* owner, grpc::CallbackServerContext* context, uint64_t epoch)
    : session(epoch), owner_(owner), context_(context) {}

void XdsStream::Begin() {
  {
    const std::lock_guard lock(mutex_);
    self_ = shared_from_this();
  }
  StartRead(&incoming_);
}

void XdsStream::Send(std::vector<XdsSession::Response> responses) {
  const std::lock_guard lock(mutex_);
  if (closing_) {
    return;
  }
  for (XdsSession::Response& response : responses) {
    waiting_.push_back(std::move(response));
  }
  if (waiting_.size() > kMostWaiting) {
    closing_ = true;
    waiting_.clear();
    status_ = {grpc::StatusCode::RESOURCE_EXHAUSTED, "the client reads too slowly"};
    // A write that the peer does not take would never end by itself.
    context_->TryCancel();
    return;
  }
  WriteNextLocked();
}

void XdsStream::Close(const grpc::Status& status) {
  const std::lock_guard lock(mutex_);
  if (!closing_) {
    closing_ = true;
    status_ = status;
    waiting_.clear();
  }
  WriteNextLocked();
}

void XdsStream::OnReadDone(bool ok) {
  if (!ok) {
    Close(grpc::Status::OK);
    return;
  }
  owner_->OnRequest(*this, incoming_);
  const std::lock_guard lock(mutex_);
  if (!closing_) {
    StartRead(&incoming_);
  }
}

void XdsStream::OnWriteDone(bool ok) {
  const std::lock_guard lock(mutex_);
  writing_ = false;
  if (!ok) {
    closing_ = true;
    waiting_.clear();
  }
  WriteNextLocked();
}

void XdsStream::OnCancel() {
  const std::lock_guard lock(mutex_);
  closing_ = true;
  waiting_.clear();
  WriteNextLocked();
}

void XdsStream::OnDone() {
  std::shared_ptr<XdsStream> self;
  {
    const std::lock_guard lock(mutex_);
    self = std::move(self_);
  }
  owner_->OnClosed(*this);
}

void XdsStream::WriteNextLocked() {
  if (writing_ || finished_) {
    return;
  }
  if (!waiting_.empty()) {
    outgoing_ = std::move(waiting_.front());
    waiting_.pop_front();
    writing_ = true;
    StartWrite(&outgoing_);
  } else if (closing_) {
    finished_ = true;
    Finish(status_);
  }
}

}  // namespace drover::controller
