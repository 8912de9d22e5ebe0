#include "absl/strings/str_cat.h"
#include "controller/core/operators.h"

namespace drover::controller {
namespace {

std::string NoteOf(const std::string& who, const std::string& message) {
  return absl::StrCat(who, !who.empty() && !message.empty() ? ": " : "", message);
}

void ReviewAll(Model& model) {
  for (auto& [key, service] : model.services) {
    service.input_changed = true;
    model.ReviewService(key);
    model.ShowService(key);
  }
}

void Unfreeze(Model& model) {
  model.whole = ClusterRecord();
  model.TouchWhole();
  ReviewAll(model);
}

}  // namespace

Reply Answer(Model& model, const ChangeNode& request) {
  Reply reply;
  reply.request = request.request;
  Node* node = model.FindNode(request.node);
  if (node == nullptr) {
    reply.status = absl::NotFoundError(absl::StrCat("there is no node ", request.node.value()));
    return reply;
  }
  const bool cordon = request.kind == ChangeNode::Kind::kCordon;
  node->record.availability = cordon ? NodeAvailability::kCordoned : NodeAvailability::kActive;
  node->record.availability_note = cordon ? NoteOf(request.who, request.message) : "";
  model.TouchRecord(*node);
  model.ShowNode(request.node);
  model.NodesChanged();
  reply.message =
      absl::StrCat(model.NodeName(request.node), cordon ? " takes no new replicas" : " takes replicas again");
  TellOperator(model, cordon ? "NodeCordoned" : "NodeUncordoned", reply.message, request.who, request.message,
               {}, request.node);
  return reply;
}

Reply Answer(Model& model, const FreezeCluster& request) {
  Reply reply;
  reply.request = request.request;
  if (request.freeze) {
    model.whole.frozen = true;
    model.whole.frozen_note = NoteOf(request.who, request.message);
    model.whole.frozen_until.reset();
    if (request.duration) {
      model.whole.frozen_until = request.wall + *request.duration;
      model.WakeAt({TimerKey::Kind::kFreeze, "", ""}, model.now + *request.duration);
    }
    model.TouchWhole();
    ReviewAll(model);
    reply.message =
        absl::StrCat("nothing is scaled, replaced or rolled out",
                     request.duration ? absl::StrCat(" for ", absl::FormatDuration(*request.duration))
                                      : " until `drover freeze --off`");
  } else {
    Unfreeze(model);
    reply.message = "no longer frozen";
  }
  TellOperator(model, request.freeze ? "ClusterFrozen" : "ClusterUnfrozen", reply.message, request.who,
               request.message, {});
  return reply;
}

void ReviewFreeze(Model& model) {
  if (!model.whole.frozen || !model.whole.frozen_until) {
    return;
  }
  if (model.wall < *model.whole.frozen_until) {
    model.WakeAt({TimerKey::Kind::kFreeze, "", ""}, model.now + (*model.whole.frozen_until - model.wall));
    return;
  }
  Unfreeze(model);
  TellOperator(model, "ClusterUnfrozen", "no longer frozen: its time is over", "", "", {});
}

}  // namespace drover::controller
