// Operators' words on nodes: cordon, drain, maintenance, uncordon; removing is node_removal.cc.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/core/availability.h"
#include "controller/core/freeze.h"
#include "controller/core/node_removal.h"
#include "controller/core/operators.h"

namespace drover::controller {
namespace {

using Kind = ChangeNode::Kind;

std::string Counted(size_t count, const char* what) {
  return absl::StrCat(count, count == 1 ? " replica " : " replicas ", what);
}

// "3 replicas move, 1 replica stays, 1 replica finds no room".
std::string MovesText(const std::vector<NodeMove>& moves) {
  size_t moving = 0;
  size_t staying = 0;
  for (const NodeMove& move : moves) {
    moving += !move.stays && move.why.empty() ? 1 : 0;
    staying += move.stays ? 1 : 0;
  }
  const size_t stuck = moves.size() - moving - staying;
  std::vector<std::string> parts;
  if (moving > 0 || moves.empty()) {
    parts.push_back(Counted(moving, moving == 1 ? "moves" : "move"));
  }
  if (staying > 0) {
    parts.push_back(Counted(staying, staying == 1 ? "stays" : "stay"));
  }
  if (stuck > 0) {
    parts.push_back(Counted(stuck, stuck == 1 ? "finds no room elsewhere" : "find no room elsewhere"));
  }
  return absl::StrJoin(parts, ", ");
}

absl::Status WhyNotEmptied(const Node& node, const ChangeNode& request) {
  if (request.duration && request.kind != Kind::kMaintenance) {
    return absl::InvalidArgumentError("only maintenance ends by itself; `drover node uncordon` ends a drain");
  }
  if (request.deadline && request.duration && *request.deadline > *request.duration) {
    return absl::InvalidArgumentError("the deadline lies behind the end of the maintenance");
  }
  if (node.status == NodeStatus::kLost && request.kind == Kind::kDrain) {
    return absl::FailedPreconditionError(
        absl::StrCat(node.record.name,
                     " is lost: what it ran is replaced already, and nothing can leave it; "
                     "`drover node rm` removes it for good"));
  }
  return absl::OkStatus();
}

void Empty(Model& model, Node& node, const ChangeNode& request, Reply& reply) {
  reply.status = WhyNotEmptied(node, request);
  if (!reply.status.ok()) {
    return;
  }
  const bool drain = request.kind == Kind::kDrain;
  Availability word;
  word.availability = drain ? NodeAvailability::kDraining : NodeAvailability::kMaintenance;
  word.note = NoteOf(request.who, request.message);
  reply.moves = ForeseeEmptying(model, request.node, word.availability);
  const std::string name = model.NodeName(request.node);
  if (request.dry_run) {
    reply.message = absl::StrCat("emptying ", name, ": ", MovesText(reply.moves));
    return;
  }
  if (request.deadline) {
    word.drain_deadline = request.wall + *request.deadline;
  }
  if (request.duration) {
    word.available_at = request.wall + *request.duration;
  }
  SetAvailability(model, node, word);
  const std::string what = absl::StrCat(name, " is ", AvailabilityText(node.record));
  reply.message = absl::StrCat(what, ": ", MovesText(reply.moves),
                               model.frozen() ? absl::StrCat("; ", FrozenText(model)) : "");
  TellOperator(model, drain ? "NodeDraining" : "NodeInMaintenance", what, request.who, request.message, {},
               request.node);
}

void Cordon(Model& model, Node& node, const ChangeNode& request, Reply& reply) {
  const bool cordon = request.kind == Kind::kCordon;
  const auto wanted = cordon ? NodeAvailability::kCordoned : NodeAvailability::kActive;
  const std::string name = model.NodeName(request.node);
  if (node.record.availability == wanted) {
    reply.message = absl::StrCat(name, cordon ? " takes no replicas already" : " takes replicas already");
    return;
  }
  SetAvailability(model, node,
                  {.availability = wanted, .note = cordon ? NoteOf(request.who, request.message) : ""});
  reply.message = absl::StrCat(name, cordon ? " takes no new replicas" : " takes replicas again");
  TellOperator(model, cordon ? "NodeCordoned" : "NodeUncordoned", reply.message, request.who, request.message,
               {}, request.node);
}

}  // namespace

std::string NoteOf(const std::string& who, const std::string& message) {
  return absl::StrCat(who, !who.empty() && !message.empty() ? ": " : "", message);
}

Reply Answer(Model& model, const ChangeNode& request) {
  Reply reply;
  reply.request = request.request;
  Node* node = model.FindNode(request.node);
  if (node == nullptr) {
    reply.status = absl::NotFoundError(absl::StrCat("there is no node ", request.node.value()));
    return reply;
  }
  switch (request.kind) {
    case Kind::kCordon:
    case Kind::kUncordon:
      Cordon(model, *node, request, reply);
      break;
    case Kind::kDrain:
    case Kind::kMaintenance:
      Empty(model, *node, request, reply);
      break;
    case Kind::kRemove:
      RemoveNode(model, *node, request, reply);
      break;
  }
  return reply;
}

}  // namespace drover::controller
