// drover-sim: the deterministic cluster test. Real controller and agent cores in one process under
// virtual time, a faulty world around them, checkers beside them.
//
//   drover-sim --seed 7 --hours 0.5 -v        one seed, with its whole trace
//   drover-sim --seeds 1..50 --hours 0.5      several; stops at the first that breaks something
//
// Exit code 0: every invariant held. 1: one broke; prints what, when, the last lines of the trace and
// the command that shows it again.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/sim/world.h"

namespace drover::sim {
namespace {

struct Flags {
  uint64_t first = 1;
  uint64_t last = 1;
  double hours = 0.5;
  bool verbose = false;
};

bool RunSeed(uint64_t seed, const Flags& flags) {
  Options options = MakeOptions(seed);
  options.length = absl::Hours(flags.hours);
  options.verbose = flags.verbose;
  absl::PrintF("seed %d: %s\n", seed, ToString(options));
  std::fflush(stdout);
  const auto start = std::chrono::steady_clock::now();
  World world(options);
  const bool held = world.Run();
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const double simulated = static_cast<double>(world.queue.now().nanoseconds()) * 1e-9;
  if (held) {
    absl::PrintF("  held: %.0f s simulated in %.2f s, %d faults, epoch %d\n", simulated, took,
                 world.faults_done, world.controller->store().epoch.value());
    return true;
  }
  for (const std::string& line : flags.verbose ? std::deque<std::string>() : world.trace.lines()) {
    absl::PrintF("  %s\n", line);
  }
  absl::PrintF("BROKEN at %.3f s, seed %d: invariant %s\n  %s\nreplay: drover-sim --seed %d --hours %g -v\n",
               simulated, seed, world.checks.sink.invariant(), world.checks.sink.what(), seed, flags.hours);
  return false;
}

// "A..B"; false: not that.
bool ParseSeeds(const std::string& text, Flags& flags) {
  const size_t dots = text.find("..");
  return dots != std::string::npos && absl::SimpleAtoi(text.substr(0, dots), &flags.first) &&
         absl::SimpleAtoi(text.substr(dots + 2), &flags.last) && flags.first <= flags.last;
}

int Main(int argc, char** argv) {
  CLI::App app("Deterministic test of a whole cluster: faults, then healing, under virtual time");
  Flags flags;
  uint64_t seed = 1;
  std::string seeds;
  app.add_option("--seed", seed, "the one seed to run");
  app.add_option("--seeds", seeds, "several seeds: FIRST..LAST");
  app.add_option("--hours", flags.hours, "simulated hours with faults, per seed")->check(CLI::PositiveNumber);
  app.add_flag("-v,--verbose", flags.verbose, "print the whole trace");
  CLI11_PARSE(app, argc, argv);
  if (seeds.empty()) {
    flags.first = flags.last = seed;
  } else if (!ParseSeeds(seeds, flags)) {
    std::fprintf(stderr, "drover-sim: --seeds %s: not FIRST..LAST, such as 1..50\n", seeds.c_str());
    return 2;
  }
  for (uint64_t s = flags.first; s <= flags.last; ++s) {
    if (!RunSeed(s, flags)) {
      return 1;
    }
  }
  absl::PrintF("%d seeds held\n", flags.last - flags.first + 1);
  return 0;
}

}  // namespace
}  // namespace drover::sim

int main(int argc, char** argv) { return drover::sim::Main(argc, argv); }
