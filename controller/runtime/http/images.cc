#include "controller/runtime/http/images.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"

namespace drover::controller {
namespace {

constexpr size_t kAtATime = 8;

std::vector<NodeId> WaitForNodes(AgentLink& agents, Duration wait) {
  const absl::Time end = absl::Now() + wait;
  while (true) {
    std::vector<NodeId> nodes = agents.ConnectedNodes();
    if (!nodes.empty() || absl::Now() >= end) {
      return nodes;
    }
    absl::SleepFor(absl::Milliseconds(50));
  }
}

// Most votes, then the smallest name.
std::string MostNamed(const std::map<std::string, size_t>& votes) {
  std::string best;
  size_t most = 0;
  for (const auto& [name, count] : votes) {
    if (count > most) {
      best = name;
      most = count;
    }
  }
  return best;
}

std::string ErrorsOf(const std::vector<ImageInfo>& answers) {
  std::vector<std::string> errors;
  for (const ImageInfo& answer : answers) {
    if (!answer.error.empty() && std::find(errors.begin(), errors.end(), answer.error) == errors.end()) {
      errors.push_back(answer.error);
    }
  }
  return absl::StrJoin(errors, "; ");
}

// By the host's own policy: another host may have another one (R10.4).
bool IsRefused(const std::vector<ImageInfo>& answers) {
  return !answers.empty() && std::all_of(answers.begin(), answers.end(), [](const ImageInfo& answer) {
    return absl::StartsWith(answer.error, "PolicyRefused: ");
  });
}

absl::StatusOr<ResolvedImage> ResolveOne(AgentLink& agents, const std::string& image, PullPolicy policy,
                                         const std::vector<NodeId>& nodes, const ResolveOptions& options) {
  const bool may_pull = options.may_pull && policy != PullPolicy::kNever;
  if (!(may_pull && policy == PullPolicy::kAlways)) {
    ResolvedImage found =
        ChooseImage(agents.ResolveImage(image, nodes, /*pull=*/false, options.look_timeout));
    if (!found.reference.empty() || !options.may_pull) {
      return found;
    }
  }
  if (!may_pull) {
    return absl::NotFoundError(absl::StrCat(image, ": on none of ", nodes.size(),
                                            " nodes, and pull_policy is never; load it on a node first"));
  }
  std::vector<ImageInfo> pulled;
  for (const NodeId& node : nodes) {
    pulled = agents.ResolveImage(image, {node}, /*pull=*/true, options.pull_timeout);
    if (!IsRefused(pulled)) {
      break;
    }
  }
  ResolvedImage found = ChooseImage(pulled);
  if (!found.reference.empty()) {
    return found;
  }
  const std::string errors = ErrorsOf(pulled);
  return absl::NotFoundError(
      absl::StrCat(image, ": ", errors.empty() ? "the node did not answer while pulling" : errors));
}

}  // namespace

ResolvedImage ChooseImage(const std::vector<ImageInfo>& answers) {
  std::map<std::string, size_t> digests;
  std::map<std::string, size_t> ids;
  for (const ImageInfo& answer : answers) {
    if (!answer.present) {
      continue;
    }
    if (!answer.repo_digest.empty()) {
      ++digests[answer.repo_digest];
    }
    if (!answer.image_id.empty()) {
      ++ids[answer.image_id];
    }
  }
  ResolvedImage chosen;
  chosen.reference = MostNamed(digests.empty() ? ids : digests);
  for (const ImageInfo& answer : answers) {
    if (answer.present && !chosen.reference.empty() &&
        (answer.repo_digest == chosen.reference || answer.image_id == chosen.reference)) {
      chosen.nodes.insert(answer.node);
      chosen.volumes = answer.volumes;
    }
  }
  return chosen;
}

absl::StatusOr<std::map<std::string, ResolvedImage>> ResolveImages(
    AgentLink& agents, const std::map<std::string, PullPolicy>& images, const ResolveOptions& options) {
  const std::vector<NodeId> nodes = WaitForNodes(agents, options.first_node_wait);
  if (nodes.empty() && options.may_pull && !images.empty()) {
    return absl::UnavailableError(absl::StrCat("no agent is connected (waited ",
                                               absl::FormatDuration(options.first_node_wait),
                                               "); start drover-agent on a host first"));
  }
  std::vector<std::pair<std::string, PullPolicy>> todo(images.begin(), images.end());
  std::vector<absl::StatusOr<ResolvedImage>> results(todo.size(), ResolvedImage());
  for (size_t first = 0; first < todo.size() && !nodes.empty(); first += kAtATime) {
    std::vector<std::thread> threads;
    for (size_t i = first; i < std::min(first + kAtATime, todo.size()); ++i) {
      threads.emplace_back(
          [&, i] { results[i] = ResolveOne(agents, todo[i].first, todo[i].second, nodes, options); });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  }
  std::map<std::string, ResolvedImage> resolved;
  std::vector<std::string> faults;
  for (size_t i = 0; i < todo.size(); ++i) {
    if (results[i].ok()) {
      resolved[todo[i].first] = *std::move(results[i]);
    } else {
      faults.push_back(std::string(results[i].status().message()));
    }
  }
  if (!faults.empty()) {
    return absl::NotFoundError(absl::StrJoin(faults, "\n"));
  }
  return resolved;
}

}  // namespace drover::controller
