// Running balancers' programs: find, run to the end, and tell a daemon that is ours from others.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace drover::agent {

// The program's full path. NotFound when it is nowhere.
absl::StatusOr<std::string> FindProgram(const std::string& name);

struct RunResult {
  int exit_code = 0;
  std::string output;  // both streams, through the file at `output_path`
};

// Runs a program that ends by itself or daemonises, in a session of its own. DeadlineExceeded: it was killed.
absl::StatusOr<RunResult> RunProgram(const std::vector<std::string>& argv, const std::string& output_path,
                                     absl::Duration limit);

// systemd ends every process of a unit's control group together with the unit, so processes that shall
// outlive the agent have to sit in another group. Elsewhere there is nothing to do.
// Moves `master` and its children to the group `name` beside the units.
void LeaveUnitCgroup(int master, const std::string& name);

// Processes with `argument` among the words of their command line, ascending.
std::vector<int> ProcessesWith(const std::string& argument);

// The pid in `pid_file` while a process has it whose command line names `mark`.
std::optional<int> LivePid(const std::string& pid_file, const std::string& mark);

}  // namespace drover::agent
