// `drover` run in this process, with its output kept; and files for it to read.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace drover::cli {

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

// `environment`, `working_dir`: those of the command; nothing of this process is used.
Outcome RunCli(const std::vector<std::string>& arguments, std::map<std::string, std::string> environment,
               const std::string& working_dir, const std::string& input = "");

// Writes `text` into a file among the test's own; its path.
std::string Written(const std::string& name, const std::string& text);

}  // namespace drover::cli
