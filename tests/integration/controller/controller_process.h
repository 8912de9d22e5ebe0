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
  // The port of the API; 0 when it does not get ready.
  int WaitHttp() const;
  // The port for xDS clients; 0 when it does not get ready.
  int WaitXds() const;
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

// One request to 127.0.0.1:`port`; status line, headers and body as they came. Empty: no answer.
std::string HttpRequest(int port, const std::string& method, const std::string& path,
                        const std::string& body = "");

}  // namespace drover::controller
