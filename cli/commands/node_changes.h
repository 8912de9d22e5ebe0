// The verbs below `node` that change one.
#pragma once

#include <string>

#include "cli/session.h"

namespace drover::cli {

// The id of the node that people call `text`, by id or name. NotFound; FailedPrecondition: several have it.
absl::StatusOr<std::string> FindNode(const Session& session, const std::string& text);

// cordon, uncordon, drain, maintenance, rm. `verbs` are those below `node`.
void AddNodeChangeVerbs(Verbs verbs);

}  // namespace drover::cli
