// YAML text to Node trees: anchors, aliases and merge keys are resolved here. Exceptions of the YAML
// library end here as faults.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compose/node.h"

namespace drover::compose {

// The documents of `text`, in order. Faults (broken YAML, duplicate keys, unknown anchors, a tree
// larger than a million nodes) go to `faults` and leave out the document.
std::vector<Node> ParseYaml(const std::string& text, const std::shared_ptr<const Source>& source,
                            FaultList& faults);

}  // namespace drover::compose
