// What an evaluation was given and what came of it, as the history keeps it (R12), and the same
// evaluations made again from that. Pure; the recorded form on disk is runtime/history's business.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "controller/core/autoscale/decide.h"
#include "controller/core/view.h"

namespace drover::controller {

// So much of a service is lost at most when a record is damaged.
constexpr Duration kWholeEvery = absl::Minutes(5);

// One call of Decide. `input.spec` points into `spec`.
struct Evaluation {
  uint64_t id = 0;  // of the decision
  DecideInput input;
  std::shared_ptr<const AutoscaleSpec> spec;
  // What the engine remembered before. The core gives it with the first evaluation under a spec, after
  // HistoryBegins, and every kWholeEvery; where it is absent, replaying goes on from the evaluation before
  // this one.
  std::optional<ScalingHistory> before;
  std::shared_ptr<const Decision> decision;  // null: not kept, Replay makes it again
};

// What carrying out a decision came to.
struct Outcome {
  ServiceKey service;
  absl::Time at;
  uint64_t decision = 0;  // the newest one then
  std::vector<Choice> choices;
  std::vector<std::string> blocked;
};

using HistoryItem = std::variant<Evaluation, Outcome>;

// Evaluations of one service made again, one at a time, oldest first.
class Replayer {
 public:
  // The decision, equal to the recorded one in every byte when the engine is the same; absent while
  // there is nothing to begin with: no `before` yet, or Forget() was the last call.
  std::optional<Decision> Next(const Evaluation& evaluation);

  // Something is missing between the last evaluation and the next.
  void Forget() { history_.reset(); }

 private:
  std::optional<ScalingHistory> history_;
};

// All of them; those before the first that has a `before` are left out.
std::vector<Decision> Replay(const std::vector<Evaluation>& evaluations);

}  // namespace drover::controller
