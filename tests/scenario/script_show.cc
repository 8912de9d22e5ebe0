// The commands of a script that read the view.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "controller/core/availability.h"
#include "controller/core/evidence.h"
#include "tests/scenario/script.h"
#include "tests/scenario/words.h"

namespace drover::controller {

std::string Script::Show() {
  // Views come at most every 50 ms.
  std::string text = Pass({"pass", "100ms"});
  const View& view = *cluster_.view();
  if (!view.ready) {
    absl::StrAppend(&text, "not ready: ", view.not_ready_reason, "\n");
  }
  for (const auto& [id, node] : view.nodes) {
    static constexpr const char* kWords[] = {"up", "suspect", "lost", "never seen"};
    absl::StrAppend(&text, "node ", NodeText(id), " ", kWords[static_cast<size_t>(node->status)], ", ",
                    node->replicas, " replicas, ", node->orphans.size(), " orphans",
                    node->record.availability == NodeAvailability::kActive ? "" : ", ",
                    AvailabilityText(node->record), "\n");
    for (const NodeMove& move : node->moves) {
      absl::StrAppend(&text, "  ", Label(move.replica), " ", move.why, "\n");
    }
  }
  for (const auto& [key, service] : view.services) {
    absl::StrAppend(&text, ToString(key), ": ", service->status, service->converged ? ", converged" : "",
                    "\n");
    for (const ReplicaView& replica : service->replicas) {
      absl::StrAppend(&text, "  ", Label(replica.record.id), " ", std::string(ToString(replica.state)),
                      replica.record.node.value().empty() ? "" : " on ", NodeText(replica.record.node),
                      replica.current ? "" : ", former spec", "\n");
    }
    for (const std::string& blocked : service->blocked) {
      absl::StrAppend(&text, "  blocked: ", blocked, "\n");
    }
    for (const FailureRecord& failure : RecentFailures(service->record, view.wall)) {
      absl::StrAppend(&text, "  failed: ", Label(failure.replica), " ", failure.reason,
                      failure.message.empty() ? "" : ": ", failure.message, "\n");
    }
  }
  return text;
}

// The text of `drover why`, with replicas by their labels.
std::string Script::Why(const ServiceKey& key) {
  const std::shared_ptr<const ServiceView>& service = cluster_.view()->services.at(key);
  if (service->decision == nullptr) {
    return "not evaluated yet\n";
  }
  std::string text = ToText(*service->decision);
  for (const auto& [id, label] : labels_) {
    text = absl::StrReplaceAll(text, {{ToString(id), label}});
  }
  while (absl::StrContains(text, "\n\n")) {
    text = absl::StrReplaceAll(text, {{"\n\n", "\n"}});
  }
  return text;
}

// What a consumer is told, and so confirms.
std::string Script::Fetch(const std::vector<std::string>& words) {
  // Views come at most every 50 ms.
  std::string text = Pass({"pass", "100ms"});
  const std::string& consumer = words.at(1);
  ConsumerApplied applied{cluster_.now(), cluster_.wall(), consumer, {}};
  for (const auto& [key, service] : cluster_.view()->services) {
    if (!service->pulls.contains(consumer)) {
      continue;
    }
    if (!service->sets_known) {
      return absl::StrCat(text, ToString(key), " is not known\n");
    }
    std::vector<std::string> backends;
    for (const BackendSet& set : service->sets) {
      for (const Backend& backend : set.backends) {
        if (!backend.drain) {
          backends.push_back(Label(backend.replica));
        }
      }
    }
    absl::StrAppend(&text, ToString(key), " revision ", service->record.backend_revision, " [",
                    absl::StrJoin(backends, ", "), "]\n");
    applied.revisions.emplace_back(key, service->record.backend_revision);
  }
  cluster_.Step(applied);
  return text + Print(cluster_.Take(), "");
}

}  // namespace drover::controller
