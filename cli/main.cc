// drover: the command line.
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <iostream>

#include "cli/session.h"

extern char** environ;

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  drover::cli::Io io;
  io.in = &std::cin;
  io.out = &std::cout;
  io.err = &std::cerr;
  io.terminal = isatty(STDOUT_FILENO) != 0;
  io.working_dir = std::filesystem::current_path().string();
  std::error_code ignored;
  io.program_dir = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().string();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    io.environment[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
  }
  return drover::cli::Run({argv + 1, argv + argc}, std::move(io));
}
