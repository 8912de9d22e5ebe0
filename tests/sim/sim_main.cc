// drover-sim: the deterministic cluster test. Real controller and agent cores in one process under
// virtual time, a faulty world around them, checkers beside them.
//
//   drover-sim --seed 7 --hours 0.5 -v               one seed, with its whole trace
//   drover-sim --seeds 1..50 --hours 0.5 --jobs 2    several; stops at the first that breaks something
//   drover-sim --kept tests/sim/seeds.txt            those that once broke something
//
// Exit code 0: every invariant held. 1: one broke; prints what, when, the last lines of the trace and
// the command that shows it again. 2: the flags are wrong.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "tests/sim/runner.h"

namespace drover::sim {
namespace {

// "A..B"; empty: not that.
std::vector<uint64_t> ParseSeeds(const std::string& text) {
  std::vector<uint64_t> seeds;
  uint64_t first = 0;
  uint64_t last = 0;
  const size_t dots = text.find("..");
  if (dots != std::string::npos && absl::SimpleAtoi(text.substr(0, dots), &first) &&
      absl::SimpleAtoi(text.substr(dots + 2), &last)) {
    for (uint64_t seed = first; seed <= last; ++seed) {
      seeds.push_back(seed);
    }
  }
  return seeds;
}

// The first word of each line that is no comment; empty: the file can't be read.
std::vector<uint64_t> ReadSeeds(const std::string& path) {
  std::vector<uint64_t> seeds;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    uint64_t seed = 0;
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (absl::SimpleAtoi(words[0], &seed)) {
      seeds.push_back(seed);
    }
  }
  return seeds;
}

int Report(const Summary& summary, const RunOptions& options, double took) {
  std::string slowest;
  for (const auto& [kind, time] : summary.slowest) {
    absl::StrAppendFormat(&slowest, "%s%s %.0f s (seed %d)", slowest.empty() ? "" : ", ", kind, time.first,
                          time.second);
  }
  absl::PrintF("longest to converge: %s\n", slowest);
  std::string broken;
  for (const uint64_t seed : summary.broken) {
    absl::StrAppend(&broken, broken.empty() ? "; broken: " : ", ", seed);
  }
  absl::PrintF("%d seeds held, %d broke: %.0f h simulated (%g h of faults each) with %d faults in %.0f s%s\n",
               summary.held, summary.broken.size(), summary.simulated_hours, options.hours, summary.faults,
               took, broken);
  return summary.broken.empty() ? 0 : 1;
}

int Main(int argc, char** argv) {
  CLI::App app("Deterministic test of a whole cluster: faults, healing, constant load, under virtual time");
  RunOptions options;
  uint64_t seed = 1;
  std::string range;
  std::string kept;
  app.add_option("--seed", seed, "the one seed to run");
  auto* several = app.add_option("--seeds", range, "several seeds: FIRST..LAST");
  app.add_option("--kept", kept, "the seeds in this file, one a line, each with its reason")
      ->excludes(several);
  app.add_option("--hours", options.hours, "simulated hours with faults, per seed")
      ->check(CLI::PositiveNumber);
  app.add_option("--jobs", options.jobs, "seeds at a time, each in a process")->check(CLI::PositiveNumber);
  app.add_flag("--keep-going", options.keep_going, "go on after a seed that broke something");
  app.add_flag("-v,--verbose", options.verbose, "print the whole trace");
  CLI11_PARSE(app, argc, argv);
  std::vector<uint64_t> seeds = {seed};
  if (!range.empty() || !kept.empty()) {
    seeds = kept.empty() ? ParseSeeds(range) : ReadSeeds(kept);
  }
  if (seeds.empty()) {
    std::fprintf(stderr, "drover-sim: no seeds: --seeds takes FIRST..LAST, such as 1..50, --kept a file\n");
    return 2;
  }
  const auto start = std::chrono::steady_clock::now();
  const Summary summary = RunSeeds(seeds, options);
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return Report(summary, options, took);
}

}  // namespace
}  // namespace drover::sim

int main(int argc, char** argv) { return drover::sim::Main(argc, argv); }
