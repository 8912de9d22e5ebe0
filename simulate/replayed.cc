#include "simulate/replayed.h"

#include <utility>

namespace drover::simulate {

void ReplayCount::Take(const controller::Decision& again, const controller::Decision* then, bool equal,
                       bool gap) {
  if (result_.decisions == 0) {
    result_.from = result_.to = again.at;
  }
  if (desired_) {
    result_.replica_hours += static_cast<double>(*desired_) * absl::ToDoubleHours(again.at - result_.to);
    result_.changes += *desired_ == again.desired ? 0 : 1;
  }
  desired_ = again.desired;
  result_.to = again.at;
  ++result_.decisions;
  result_.equal += equal ? 1 : 0;
  if (!equal && !result_.first_other) {
    result_.first_other = {.id = again.id,
                           .at = again.at,
                           .then = then == nullptr ? std::nullopt : std::optional(then->desired),
                           .again = again.desired};
  }
  if (gap) {
    result_.gaps.push_back(again.at);
  }
}

Candidate::Candidate(std::string name, controller::AutoscaleSpec spec)
    : name_(std::move(name)), spec_(spec), what_if_(std::move(spec)) {}

void Candidate::Prepare(const controller::Evaluation& evaluation, const controller::Decision& live) {
  what_if_.Next(evaluation, live);
}

void Candidate::Take(const controller::Evaluation& evaluation, const controller::Decision& live, bool gap) {
  if (evaluation.spec != looked_at_) {
    looked_at_ = evaluation.spec;
    missing_ = controller::NotRecorded(spec_, *looked_at_);
  }
  const controller::Decision own = what_if_.Next(evaluation, live);
  count_.Take(own, &live, own.desired == live.desired, gap);
}

}  // namespace drover::simulate
