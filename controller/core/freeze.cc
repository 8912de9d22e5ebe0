#include "controller/core/freeze.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controller/core/operators.h"

namespace drover::controller {
namespace {

// Wall time may be set forward: a distant end is looked at now and then.
constexpr Duration kLongestFreezeLook = absl::Hours(1);

void ReviewAll(Model& model) {
  for (auto& [key, service] : model.services) {
    service.input_changed = true;
    model.ReviewService(key);
    model.ShowService(key);
  }
  for (const auto& [id, node] : model.nodes) {
    model.AssignmentChanged(id);  // what is done by hand is undone, or not any more (R3.7)
  }
}

void SetFrozen(Model& model, bool frozen, std::optional<absl::Time> until, std::string note) {
  model.whole.frozen = frozen;
  model.whole.frozen_until = until;
  model.whole.frozen_note = std::move(note);
  model.TouchWhole();
  ReviewAll(model);
  ReviewFreeze(model);
}

}  // namespace

std::string FrozenText(const Model& model) {
  const ClusterRecord& whole = model.whole;
  return absl::StrCat("Frozen: nothing is scaled, replaced or rolled out until ",
                      whole.frozen_until
                          ? absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", *whole.frozen_until, absl::UTCTimeZone())
                          : "`drover freeze --off`",
                      whole.frozen_note.empty() ? "" : absl::StrCat(" (", whole.frozen_note, ")"));
}

void ReviewFreeze(Model& model) {
  if (!model.whole.frozen || !model.whole.frozen_until) {
    return;
  }
  if (model.wall < *model.whole.frozen_until) {
    model.WakeAt({TimerKey::Kind::kFreeze, "", ""},
                 model.now + std::min(*model.whole.frozen_until - model.wall, kLongestFreezeLook));
    return;
  }
  SetFrozen(model, false, std::nullopt, "");
  TellOperator(model, "ClusterUnfrozen", "no longer frozen: its time is over", "", "", {});
}

Reply Answer(Model& model, const FreezeCluster& request) {
  Reply reply;
  reply.request = request.request;
  if (request.freeze) {
    const std::optional<absl::Time> until =
        request.duration ? std::optional(request.wall + *request.duration) : std::nullopt;
    SetFrozen(model, true, until, NoteOf(request.who, request.message));
    reply.message =
        absl::StrCat("nothing is scaled, replaced or rolled out",
                     request.duration ? absl::StrCat(" for ", absl::FormatDuration(*request.duration))
                                      : " until `drover freeze --off`");
  } else if (model.whole.frozen) {
    SetFrozen(model, false, std::nullopt, "");
    reply.message = "no longer frozen";
  } else {
    reply.message = "was not frozen";
    return reply;
  }
  TellOperator(model, request.freeze ? "ClusterFrozen" : "ClusterUnfrozen", reply.message, request.who,
               request.message, {});
  return reply;
}

}  // namespace drover::controller
