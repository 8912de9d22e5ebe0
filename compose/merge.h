// Several Compose files to one, and a service onto the one that it extends: maps merge key by key,
// scalars are replaced, lists are appended and made unique by what identifies their entries.
#pragma once

#include "compose/node.h"

namespace drover::compose {

// Lays `over` on `base` (both whole files). `!reset` removes, `!override` replaces.
void MergeFile(Node& base, const Node& over);

// Lays one service on another (`extends`).
void MergeService(Node& base, const Node& over);

// Removes what `!reset` still marks; done once, after everything is merged.
void DropResets(Node& node);

}  // namespace drover::compose
