// What one change costs at each kind of balancer, driven by its adapter as the agent drives it.
#pragma once

#include <cstdint>

namespace drover::agent {

// One replica enters and leaves again, `rounds` times, under 1,000 requests a second. Prints per balancer,
// median and p99 in milliseconds: from the order to enter until its first request arrives, from the order to
// leave until that is confirmed, and until the last request that still arrived (0: none did). False: a
// request failed behind HAProxy, or it was reloaded.
bool MeasureTurns(int rounds);

// `count` backends enter, are all replaced, and leave, each in one go: as one set of so many, and as so many
// sets of one. Prints the time until the change is confirmed, the CPU time of the adapter (with the checks of
// files that it runs) and that of the balancer meanwhile; for HAProxy beside a plain check and reload with
// the very same file. False: HAProxy was reloaded.
bool MeasureMany(uint32_t count);

}  // namespace drover::agent
