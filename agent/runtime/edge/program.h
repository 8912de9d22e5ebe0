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
// outlive the agent have to sit in another group. The command line that joins the group `name`, beside the
// units, and then becomes `argv`: nothing that it starts is ever in the unit's. Elsewhere `argv` as it is.
std::vector<std::string> OutsideUnitCgroup(const std::string& name, const std::vector<std::string>& argv);

// Processes with `argument` among the words of their command line, ascending.
std::vector<int> ProcessesWith(const std::string& argument);

// The pid in `pid_file` while a process has it whose command line names `mark`.
std::optional<int> LivePid(const std::string& pid_file, const std::string& mark);

}  // namespace drover::agent
