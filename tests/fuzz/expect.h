// What a fuzz target says when an invariant is broken: the words go to stderr and the process ends, which
// libFuzzer takes for a crash and the replay of the corpus for a failure.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace drover::fuzz {

// Ends the process with `rule` and `what` unless `holds`.
void Expect(bool holds, absl::string_view rule, const std::string& what = "");

}  // namespace drover::fuzz
