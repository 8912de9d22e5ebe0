#include "controller/core/foresee.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "controller/core/autoscale/explain.h"
#include "controller/core/rollout.h"
#include "controller/core/scale.h"

namespace drover::controller {
namespace {

std::string Replicas(int64_t count) { return absl::StrCat(count, count == 1 ? " replica" : " replicas"); }

// The count that the signals of now would give under the policy of `spec`.
std::string CountUnder(const Model& model, const Probes& probes, const Service& service,
                       const ServiceSpec& spec) {
  const int64_t current = service.record.desired;
  if (spec.global || service.spec->global) {
    return "";
  }
  if (!spec.autoscale) {
    const int64_t count = ClampCount(spec, spec.replicas);
    const bool by_hand = current != service.spec->replicas;
    return count == current || !by_hand ? "" : absl::StrCat("replicas ", current, " -> ", count);
  }
  Service changed = service;
  changed.spec = std::make_shared<const ServiceSpec>(spec);
  std::optional<Instant> next_change;
  const DecideInput input = MakeInput(model, probes, changed, &next_change);
  return absl::StrCat("by the signals of now: ", Summary(Decide(input, std::move(changed.history)).decision));
}

const ServiceSpec* SpecNamed(const StackSpec& stack, const std::string& name) {
  const auto found = std::find_if(stack.services.begin(), stack.services.end(),
                                  [&](const ServiceSpec& spec) { return spec.name == name; });
  return found == stack.services.end() ? nullptr : &*found;
}

}  // namespace

void Foresee(const Model& model, const Probes& probes, const StackSpec& after, Plan* plan) {
  for (PlanChange& change : plan->changes) {
    const auto found = model.services.find({after.name, change.service});
    if (found == model.services.end() || found->second.retired || !found->second.spec) {
      continue;
    }
    const Service& service = found->second;
    const int64_t active = Count(model, service).active;
    const ServiceSpec* spec = SpecNamed(after, change.service);
    if (spec == nullptr) {
      change.details.push_back(absl::StrCat("stops ", Replicas(active)));
      continue;
    }
    if (change.action == PlanChange::Action::kReplace && active > 0 && !spec->task) {
      change.details.push_back(
          absl::StrCat("replaces ", Replicas(active), " one at a time, ",
                       StopsFirst(*spec) ? "the old one stopped first" : "the new one ready first"));
    }
    if (spec->task || service.spec->autoscale.has_value() != spec->autoscale.has_value()) {
      continue;
    }
    if (std::string count = CountUnder(model, probes, service, *spec); !count.empty()) {
      change.details.push_back(std::move(count));
    }
  }
}

}  // namespace drover::controller
