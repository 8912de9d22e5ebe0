#include "controller/core/autoscale/replay.h"

#include <utility>

namespace drover::controller {

std::optional<Decision> Replayer::Next(const Evaluation& evaluation) {
  if (evaluation.before) {
    history_ = evaluation.before;
  }
  if (!history_) {
    return std::nullopt;
  }
  DecideInput input = evaluation.input;
  input.spec = evaluation.spec.get();
  DecideResult result = Decide(input, *std::move(history_));
  history_ = std::move(result.history);
  result.decision.id = evaluation.id;
  return std::move(result.decision);
}

std::vector<Decision> Replay(const std::vector<Evaluation>& evaluations) {
  std::vector<Decision> decisions;
  Replayer replayer;
  for (const Evaluation& evaluation : evaluations) {
    if (std::optional<Decision> decision = replayer.Next(evaluation)) {
      decisions.push_back(*std::move(decision));
    }
  }
  return decisions;
}

}  // namespace drover::controller
