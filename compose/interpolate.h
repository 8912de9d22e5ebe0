// Variables in the values of a Compose file: $V ${V} ${V:-d} ${V-d} ${V:?e} ${V?e} ${V:+r} ${V+r},
// nested, and $$ for a dollar sign.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "compose/node.h"

namespace drover::compose {

using Environment = std::map<std::string, std::string>;

// `text` with its variables replaced. A variable that is not set reads as empty, with a warning at
// `mark`; bad syntax and `${V?e}` without V are faults, and the text is returned as it is.
std::string Interpolate(const std::string& text, const Environment& environment, const Mark& mark,
                        FaultList& faults);

// Interpolates every scalar value of the tree; keys stay as they are.
void InterpolateTree(Node& node, const Environment& environment, FaultList& faults);

}  // namespace drover::compose
