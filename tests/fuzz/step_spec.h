// Stacks out of a fuzz input, as messages of the API: mostly such as people write, with odd values between.
#pragma once

#include "drover/v1/cluster.pb.h"
#include "tests/fuzz/feed.h"

namespace drover::fuzz {

// A stack named "a" or "b" of one to three services. Not checked: SpecFaults may refuse it. Counts are small,
// so that one input takes milliseconds.
v1::StackSpec MakeStack(Feed& feed);

}  // namespace drover::fuzz
