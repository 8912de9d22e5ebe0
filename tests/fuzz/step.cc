// Bytes as a sequence of events for the controller's core: agents that come, report anything and go,
// operators, pushed metrics, stores that fail, clocks that jump, restarts. Agents speak the wire's messages,
// translated as the controller translates them; stacks are those that its checks let through. Whatever comes,
// the invariants of step_checks.h hold.
#include "tests/fuzz/feed.h"
#include "tests/fuzz/step_world.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr int kMostEvents = 400;
  drover::fuzz::Feed feed(data, size);
  drover::fuzz::StepWorld world(feed);
  for (int i = 0; i < kMostEvents && !feed.empty(); ++i) {
    world.Next();
  }
  world.Finish();
  return 0;
}
