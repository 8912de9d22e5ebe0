#include "controller/runtime/agent_stream.h"

#include <grpc/grpc_security_constants.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace drover::controller {

AgentStream::AgentStream(AgentStreamOwner* owner, StreamId id, grpc::CallbackServerContext* context)
    : owner_(owner), id_(id), context_(context) {}

void AgentStream::Begin() {
  {
    const std::lock_guard lock(mutex_);
    self_ = shared_from_this();
  }
  StartRead(&incoming_);
}

std::optional<NodeId> AgentStream::node() const {
  const std::lock_guard lock(mutex_);
  return node_;
}

void AgentStream::set_node(NodeId node) {
  const std::lock_guard lock(mutex_);
  node_ = std::move(node);
}

bool AgentStream::Send(v1::ControllerMessage message, Replaces replaces, bool last) {
  const std::lock_guard lock(mutex_);
  if (closing_) {
    return false;
  }
  if (replaces != Replaces::kNothing) {
    waiting_.erase(std::remove_if(waiting_.begin(), waiting_.end(),
                                  [replaces](const Waiting& w) { return w.kind == replaces; }),
                   waiting_.end());
  }
  if (waiting_.size() >= kMostWaiting) {
    closing_ = true;
    waiting_.clear();
    status_ = {grpc::StatusCode::RESOURCE_EXHAUSTED, "the agent reads too slowly"};
    // A write that the peer does not take would never end by itself.
    context_->TryCancel();
    return false;
  }
  Replaces kind = replaces;
  if (message.has_assignment()) {
    kind = Replaces::kAssignments;
  }
  waiting_.push_back({.message = std::move(message), .kind = kind});
  closing_ = last;
  WriteNextLocked();
  return true;
}

void AgentStream::Close(const grpc::Status& status) {
  const std::lock_guard lock(mutex_);
  if (!closing_) {
    closing_ = true;
    status_ = status;
    waiting_.clear();
  }
  WriteNextLocked();
}

bool AgentStream::PeerIs(const NodeId& node) const {
  const auto auth = context_->auth_context();
  if (auth == nullptr || !auth->IsPeerAuthenticated()) {
    return false;
  }
  const std::string uri = absl::StrCat("drover-node:", node.value());
  for (const char* property : {GRPC_X509_CN_PROPERTY_NAME, GRPC_X509_SAN_PROPERTY_NAME}) {
    for (const grpc::string_ref& name : auth->FindPropertyValues(property)) {
      const std::string text(name.data(), name.size());
      if (text == node.value() || text == uri) {
        return true;
      }
    }
  }
  return false;
}

std::string AgentStream::PeerCertificate() const {
  const auto auth = context_->auth_context();
  if (auth == nullptr || !auth->IsPeerAuthenticated()) {
    return "";
  }
  const auto found = auth->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  return found.empty() ? "" : std::string(found.front().data(), found.front().size());
}

bool AgentStream::IsNews(const v1::Report& report) {
  const v1::ReplicaColumns& rows = report.replicas();
  const auto same = [](const auto& a, const std::vector<uint32_t>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  };
  const bool seen = report.applied_epoch() == seen_.epoch && report.applied_revision() == seen_.revision &&
                    same(rows.handle(), seen_.handles) && same(rows.state(), seen_.states);
  if (!seen) {
    seen_.epoch = report.applied_epoch();
    seen_.revision = report.applied_revision();
    seen_.handles.assign(rows.handle().begin(), rows.handle().end());
    seen_.states.assign(rows.state().begin(), rows.state().end());
  }
  return !seen || report.full() || rows.detail_size() > 0 || report.queues_size() > 0 || report.has_edge() ||
         report.stops_size() > 0 || report.events_size() > 0 || report.unknown_size() > 0 ||
         report.stuck_size() > 0 || report.removed_size() > 0 || report.has_capacity();
}

void AgentStream::OnReadDone(bool ok) {
  if (!ok) {
    Close(grpc::Status::OK);
    return;
  }
  owner_->OnMessage(*this, incoming_);
  const std::lock_guard lock(mutex_);
  if (!closing_) {
    StartRead(&incoming_);
  }
}

void AgentStream::OnWriteDone(bool ok) {
  const std::lock_guard lock(mutex_);
  writing_ = false;
  if (!ok) {
    closing_ = true;
    waiting_.clear();
  }
  WriteNextLocked();
}

void AgentStream::OnCancel() {
  const std::lock_guard lock(mutex_);
  closing_ = true;
  waiting_.clear();
  WriteNextLocked();
}

void AgentStream::OnDone() {
  std::shared_ptr<AgentStream> self;
  {
    const std::lock_guard lock(mutex_);
    self = std::move(self_);
  }
  owner_->OnClosed(*this);
}

void AgentStream::WriteNextLocked() {
  if (writing_ || finished_) {
    return;
  }
  if (!waiting_.empty()) {
    outgoing_ = std::move(waiting_.front().message);
    waiting_.pop_front();
    writing_ = true;
    StartWrite(&outgoing_);
  } else if (closing_) {
    finished_ = true;
    Finish(status_);
  }
}

}  // namespace drover::controller
