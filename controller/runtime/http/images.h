// Resolving the images of a stack once, when it is applied (R9.1): every later start uses what was
// found here, so that a tag that moves changes nothing by itself.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ids.h"
#include "common/time.h"
#include "controller/ports/agent_link.h"

namespace drover::controller {

struct ResolvedImage {
  std::string reference;             // "name@sha256:…", else "sha256:…"; empty: dry run and on no node
  std::set<NodeId> nodes;            // that hold exactly this
  std::vector<std::string> volumes;  // of the image's VOLUME
};

// What to do for one image, by `pull_policy` of the services that use it.
enum class PullPolicy { kMissing, kAlways, kNever };

struct ResolveOptions {
  Duration first_node_wait;                    // for a first agent
  Duration look_timeout = absl::Seconds(10);   // for nodes to say what they have
  Duration pull_timeout = absl::Seconds(600);  // for one node to pull
  bool may_pull = true;                        // false: dry run
};

// The choice among what nodes answered: a repository digest if any has one, else the image id; of several
// the one that most nodes have, then the smallest. Empty reference: on no node.
ResolvedImage ChooseImage(const std::vector<ImageInfo>& answers);

// Every image, in parallel. Errors: Unavailable when no agent is there; NotFound with the registry's
// words, one line an image, when it is nowhere and can't be pulled. Blocks.
absl::StatusOr<std::map<std::string, ResolvedImage>> ResolveImages(
    AgentLink& agents, const std::map<std::string, PullPolicy>& images, const ResolveOptions& options);

}  // namespace drover::controller
