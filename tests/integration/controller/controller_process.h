// A drover-controller that a test starts and ends by its pid.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace drover::controller {

class ControllerProcess {
 public:
  // stderr and stdout go to `log`, appended.
  ControllerProcess(const std::vector<std::string>& arguments, const std::string& log);
  // Kills it when it still runs.
  ~ControllerProcess();

  // Waits until the log has a new line with `text` (since this start); the rest of that line.
  std::optional<std::string> WaitLog(const std::string& text, double seconds = 20) const;
  // The port for agents; 0 when it does not get ready.
  int WaitReady() const;
  // What was written since this start.
  std::string Output() const;

  void Signal(int signal) const;
  // Exit code (128 + signal when killed); absent when it still runs after `seconds`.
  std::optional<int> Wait(double seconds = 20);

 private:
  std::string log_;
  size_t log_start_ = 0;
  pid_t pid_ = 0;
};

}  // namespace drover::controller
