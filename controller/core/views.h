// Makes the immutable snapshots that readers see; only the parts that changed are made anew, at most
// one snapshot per CoreOptions::view_interval, and parts in which only samples changed once a second.
#pragma once

#include <memory>

#include "controller/core/model.h"

namespace drover::controller {

class Views {
 public:
  explicit Views(Model& model) : model_(model), last_(std::make_shared<View>()) {}

  // The newest snapshot when something changed and it is time; else null, with a timer armed.
  // `at_once`: the time has come for whatever decisions changed (a caller who was answered reads next).
  std::shared_ptr<const View> Take(bool at_once);

 private:
  Model& model_;
  std::shared_ptr<const View> last_;
  std::optional<Instant> published_;
  Instant samples_published_;
};

// One line on how a service stands.
std::string StatusLine(const ServiceView& view, bool retired);

}  // namespace drover::controller
