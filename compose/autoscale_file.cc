// A file that holds one x-autoscale mapping by itself.
#include "absl/strings/str_join.h"
#include "compose/compose.h"
#include "compose/schema.h"
#include "compose/yaml.h"

namespace drover::compose {
namespace {

// The queues that `autoscale` names, as if they were declared.
void DeclareQueues(const Node& autoscale, Reading& r) {
  const Node* signals = autoscale.Find("signals");
  for (const Node& signal : signals == nullptr ? std::vector<Node>() : signals->items) {
    if (const Node* queue = signal.Find("queue"); queue != nullptr) {
      r.queues[queue->text].set_name(queue->text);
    }
  }
}

absl::Status Refusal(const FaultList& faults) {
  return absl::InvalidArgumentError(absl::StrJoin(
      faults.errors(), "\n", [](std::string* out, const Fault& fault) { out->append(ToString(fault)); }));
}

}  // namespace

absl::StatusOr<v1::AutoscaleSpec> ReadAutoscaleFile(const std::string& text, const std::string& file) {
  FaultList faults;
  const auto source = std::make_shared<const Source>(Source{.name = file, .base_dir = ""});
  const std::vector<Node> documents = ParseYaml(text, source, faults);
  const Mark start{.source = source, .line = 1, .column = 1};
  if (faults.ok() && (documents.size() != 1 || !documents[0].is_map())) {
    faults.Add(start, "the file holds no mapping; write what stands under x-autoscale: min, max, signals");
  }
  if (!faults.ok()) {
    return Refusal(faults);
  }
  const Node* inner = documents[0].Find("x-autoscale");
  const Entry entry{.key = "x-autoscale", .mark = start, .value = inner == nullptr ? documents[0] : *inner};
  const Assembled surroundings;
  Reading r{.in = surroundings, .faults = faults};
  DeclareQueues(entry.value, r);
  ServiceRead service;
  ReadAutoscale(entry, service, r);
  if (!faults.ok()) {
    return Refusal(faults);
  }
  return service.spec.autoscale();
}

}  // namespace drover::compose
