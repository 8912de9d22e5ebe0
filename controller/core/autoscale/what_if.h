// What another policy would have decided on recorded samples. The samples are those that the live policy's
// replicas brought about: this answers what would have been asked for, not how the load would have fared.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/core/autoscale/replay.h"

namespace drover::controller {

// Evaluations of one service under a policy of one's own, oldest first.
class WhatIf {
 public:
  explicit WhatIf(AutoscaleSpec spec);

  // `live`: what was decided then. As long as the live policy is this one, the answer is that; from the
  // first evaluation on where it is another, this one goes on alone with the memory of that moment, as it
  // would had it been applied then. Its count follows its own answers, unless somebody else than the live
  // policy set the recorded one.
  Decision Next(const Evaluation& evaluation, const Decision& live);

  // The live policy was never another.
  bool is_live() const { return !history_; }

 private:
  DecideInput InputOf(const Evaluation& evaluation) const;

  std::shared_ptr<const AutoscaleSpec> spec_;
  std::optional<ScalingHistory> history_;  // once apart
  int64_t own_ = 0;                        // last count, and the live one then
  int64_t live_ = 0;
};

// The signals of `wanted` that `recorded` does not have, as people name them: they stay unknown.
std::vector<std::string> NotRecorded(const AutoscaleSpec& wanted, const AutoscaleSpec& recorded);

}  // namespace drover::controller
