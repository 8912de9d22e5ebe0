// deploy.placement, and what fits together with mode: global.
#include "absl/strings/str_cat.h"
#include "common/node_attribute.h"
#include "compose/schema.h"

namespace drover::compose {
namespace {

void ReadConstraints(const Entry& entry, ServiceRead& s, Reading& r) {
  if (!entry.value.is_list()) {
    r.faults.Add(entry.value.mark, "constraints is no list; write [\"node.labels.disk == ssd\"]");
    return;
  }
  for (const Node& item : entry.value.items) {
    const std::optional<std::string> text = ReadText(item, r.faults);
    if (!text) {
      continue;
    }
    if (const auto constraint = ParseConstraint(*text); !constraint.ok()) {
      r.faults.Add(item.mark, constraint.status().message());
      continue;
    }
    s.spec.add_constraints(*text);
  }
}

void ReadPreferences(const Entry& entry, ServiceRead& s, Reading& r) {
  if (!entry.value.is_list()) {
    r.faults.Add(entry.value.mark, "preferences is no list; write [{spread: node.labels.zone}]");
    return;
  }
  for (const Node& item : entry.value.items) {
    const auto spread = [&](const Entry& e) {
      const std::optional<std::string> text = ReadText(e.value, r.faults);
      if (!text) {
        return;
      }
      if (const absl::Status known = CheckSpread(*text); !known.ok()) {
        r.faults.Add(e.value.mark, known.message());
        return;
      }
      s.spec.add_spread_over(*text);
    };
    if (ReadMap(item, "preferences", {{"spread", spread}}, r.faults) && item.entries.empty()) {
      r.faults.Add(item.mark, "the preference is empty; write {spread: node.labels.zone}");
    }
  }
}

}  // namespace

void ReadPlacement(const Entry& entry, ServiceRead& s, Reading& r) {
  ReadMap(
      entry.value, "placement",
      {{"constraints", [&](const Entry& e) { ReadConstraints(e, s, r); }},
       {"preferences", [&](const Entry& e) { ReadPreferences(e, s, r); }},
       {"max_replicas_per_node",
        [&](const Entry& e) {
          s.spec.set_max_per_node(static_cast<uint32_t>(ReadInt(e.value, 0, 100'000, r.faults).value_or(0)));
        }}},
      r.faults);
}

void CheckGlobal(ServiceRead& s, Reading& r) {
  if (!s.spec.global()) {
    return;
  }
  const auto refuse = [&](const std::string& key, absl::string_view text) {
    r.faults.Add(s.At(key), absl::StrCat(s.spec.name(), " is global, one replica on every node", text));
  };
  if (s.replicas_written) {
    refuse(s.marks.count("replicas") > 0 ? "replicas" : "scale",
           ": remove replicas, or write mode: replicated");
  }
  if (s.spec.has_autoscale()) {
    refuse("x-autoscale", ", and cannot be scaled: remove x-autoscale, or write mode: replicated");
  }
  if (s.spec.singleton()) {
    refuse("x-singleton", ", and x-singleton is one in all: remove one of the two");
  }
  if (s.spec.has_task()) {
    refuse("mode", ", and a task runs once: write mode: replicated-job, or remove restart: \"no\" and x-run");
  }
  s.spec.set_replicas(0);
}

}  // namespace drover::compose
