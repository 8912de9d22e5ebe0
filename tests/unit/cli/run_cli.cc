#include "tests/unit/cli/run_cli.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <utility>

#include "cli/session.h"

namespace drover::cli {

Outcome RunCli(const std::vector<std::string>& arguments, std::map<std::string, std::string> environment,
               const std::string& working_dir, const std::string& input) {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  Io io;
  io.in = &in;
  io.out = &out;
  io.err = &err;
  io.environment = std::move(environment);
  io.working_dir = working_dir;
  io.poll_interval = absl::Milliseconds(1);
  const int code = Run(arguments, io);
  return {code, out.str(), err.str()};
}

std::string Written(const std::string& name, const std::string& text) {
  const std::string path = testing::TempDir() + name;
  std::ofstream(path) << text;
  return path;
}

}  // namespace drover::cli
