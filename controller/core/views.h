// Makes the immutable snapshots that readers see; only the parts that changed are made anew, at most
// one snapshot per CoreOptions::view_interval, and parts in which only samples changed once a second;
// with tens of thousands of replicas in the changed parts, less often in proportion.
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
  // Replicas and nodes that a snapshot of these makes anew.
  int64_t RowsOf(const std::set<ServiceKey>& services, const std::set<NodeId>& nodes) const;

  Model& model_;
  std::shared_ptr<const View> last_;
  std::optional<Instant> published_;
  int64_t rows_ = 0;     // made anew by the last snapshot
  Instant samples_due_;  // changed samples are shown no earlier
};

// One line on how a service stands.
std::string StatusLine(const ServiceView& view, bool retired);

}  // namespace drover::controller
