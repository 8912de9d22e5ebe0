// Files to one tree: discovery, environment, interpolation, `include`, `extends` and merging. What
// comes out is one Compose file without references to others, still untyped.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compose/compose.h"
#include "compose/interpolate.h"
#include "compose/node.h"

namespace drover::compose {

struct Assembled {
  Node tree;
  std::string project;      // [a-z0-9][a-z0-9_-]*
  std::string project_dir;  // absolute; of the first file
  Environment environment;  // .env under the process's own
  std::vector<std::string> profiles;
};

// nullopt when no file could be read; other faults leave a tree, so that more faults can be found.
std::optional<Assembled> Assemble(const LoadOptions& options, FaultList& faults);

}  // namespace drover::compose
