#include "tests/sim/runner.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/check.h"
#include "tests/sim/world.h"

namespace drover::sim {
namespace {

struct Outcome {
  bool held = false;
  double simulated_s = 0;
  uint64_t faults = 0;
  std::map<std::string, double> took;  // seconds, by kind
  std::string text;
};

Outcome RunOne(uint64_t seed, const RunOptions& run) {
  Options options = MakeOptions(seed);
  options.length = absl::Hours(run.hours);
  options.verbose = run.verbose;
  const auto start = std::chrono::steady_clock::now();
  World world(options);
  Outcome outcome;
  outcome.held = world.Run();
  const double real = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  outcome.simulated_s = static_cast<double>(world.queue.now().nanoseconds()) * 1e-9;
  outcome.faults = world.mishaps.done();
  for (const auto& [kind, took] : world.aftermath.took()) {
    outcome.took[kind] = absl::ToDoubleSeconds(took);
  }
  outcome.text = absl::StrFormat("seed %d: %s\n", seed, ToString(options));
  if (outcome.held) {
    absl::StrAppendFormat(&outcome.text, "  held: %.0f s simulated in %.2f s, %d faults, epoch %d\n",
                          outcome.simulated_s, real, outcome.faults, world.controller->store().epoch.value());
    return outcome;
  }
  for (const std::string& line : run.verbose ? std::deque<std::string>() : world.trace.lines()) {
    absl::StrAppend(&outcome.text, "  ", line, "\n");
  }
  absl::StrAppendFormat(
      &outcome.text,
      "BROKEN at %.3f s, seed %d: invariant %s\n  %s\nreplay: drover-sim --seed %d --hours %g -v\n",
      outcome.simulated_s, seed, world.checks.sink.invariant(), world.checks.sink.what(), seed, run.hours);
  return outcome;
}

// ---- another process --------------------------------------------------------------------------------

// The numbers in the first line, then the text.
std::string Write(const Outcome& outcome) {
  std::string line = absl::StrCat(outcome.held ? 1 : 0, " ", outcome.simulated_s, " ", outcome.faults);
  for (const auto& [kind, took] : outcome.took) {
    absl::StrAppend(&line, " ", kind, " ", took);
  }
  return absl::StrCat(line, "\n", outcome.text);
}

// Absent: the process ended before it had written anything.
std::optional<Outcome> Read(const std::string& written) {
  const size_t end = written.find('\n');
  if (end == std::string::npos) {
    return std::nullopt;
  }
  Outcome outcome;
  std::istringstream line(written.substr(0, end));
  line >> outcome.held >> outcome.simulated_s >> outcome.faults;
  std::string kind;
  double took = 0;
  while (line >> kind >> took) {
    outcome.took[kind] = took;
  }
  outcome.text = written.substr(end + 1);
  return outcome;
}

struct Child {
  uint64_t seed = 0;
  pid_t pid = 0;
  int pipe = -1;
};

Child Launch(uint64_t seed, const RunOptions& run) {
  int ends[2];
  DROVER_CHECK(pipe(ends) == 0);
  std::fflush(stdout);
  const pid_t pid = fork();
  DROVER_CHECK(pid >= 0);
  if (pid == 0) {
    close(ends[0]);
    const std::string written = Write(RunOne(seed, run));
    for (size_t sent = 0; sent < written.size();) {
      const ssize_t n = write(ends[1], written.data() + sent, written.size() - sent);
      if (n <= 0) {
        break;
      }
      sent += static_cast<size_t>(n);
    }
    _exit(0);
  }
  close(ends[1]);
  return {seed, pid, ends[0]};
}

Outcome Collect(const Child& child, const RunOptions& run) {
  std::string written;
  char buffer[4096];
  ssize_t n = 0;
  while ((n = read(child.pipe, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR)) {
    written.append(buffer, static_cast<size_t>(std::max<ssize_t>(n, 0)));
  }
  close(child.pipe);
  int status = 0;
  waitpid(child.pid, &status, 0);
  std::optional<Outcome> outcome = Read(written);
  if (outcome && status == 0) {
    return *outcome;
  }
  return {.held = false,
          .simulated_s = 0,
          .faults = 0,
          .took = {},
          .text = absl::StrFormat("BROKEN, seed %d: its process ended with status %d\n"
                                  "replay: drover-sim --seed %d --hours %g -v\n",
                                  child.seed, status, child.seed, run.hours)};
}

void Add(Summary& summary, uint64_t seed, const Outcome& outcome) {
  summary.simulated_hours += outcome.simulated_s / 3600;
  summary.faults += outcome.faults;
  if (outcome.held) {
    ++summary.held;
  } else {
    summary.broken.push_back(seed);
  }
  for (const auto& [kind, took] : outcome.took) {
    auto& slowest = summary.slowest[kind];
    slowest = std::max(slowest, {took, seed});
  }
  std::fputs(outcome.text.c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace

Summary RunSeeds(const std::vector<uint64_t>& seeds, const RunOptions& options) {
  Summary summary;
  if (seeds.size() == 1) {
    Add(summary, seeds[0], RunOne(seeds[0], options));
    return summary;
  }
  std::deque<Child> running;
  for (size_t next = 0; next < seeds.size() || !running.empty();) {
    const bool stop = !summary.broken.empty() && !options.keep_going;
    if (next < seeds.size() && running.size() < static_cast<size_t>(options.jobs) && !stop) {
      running.push_back(Launch(seeds[next++], options));
      continue;
    }
    if (running.empty()) {
      break;
    }
    // The oldest: what others have to say waits in their pipes.
    const Child child = running.front();
    running.pop_front();
    Add(summary, child.seed, Collect(child, options));
  }
  return summary;
}

}  // namespace drover::sim
