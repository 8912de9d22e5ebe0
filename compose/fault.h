// What is wrong in a Compose file and where. Every stage of the reader adds to one FaultList, so that
// all faults of a file are reported at once.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace drover::compose {

struct Fault {
  std::string file;  // as given by the user, or relative to the working directory
  int line = 0;      // 1-based; 0: the file as a whole
  int column = 0;
  std::string message;   // "what is wrong; what would be right"
  bool warning = false;  // read, but cannot be honoured

  friend bool operator==(const Fault&, const Fault&) = default;
};

// "FILE:LINE:COLUMN: message", with "warning: " before the message of a warning.
std::string ToString(const Fault& fault);

// One file that text came from. Relative paths written in it start at `base_dir`.
struct Source {
  std::string name;
  std::string base_dir;
};

// A place in a file. Keeps its file through merges, `extends` and `include`.
struct Mark {
  std::shared_ptr<const Source> source;
  int line = 0;  // 1-based
  int column = 0;
};

// Collects faults in three classes; identical ones (an anchor used twice) are kept once.
class FaultList {
 public:
  void Add(const Mark& mark, absl::string_view message) { Put(errors_, mark, message, false); }

  void Warn(const Mark& mark, absl::string_view message) { Put(warnings_, mark, message, true); }

  // Stops `drover up`, but not `drover config`.
  void Deploy(const Mark& mark, absl::string_view message) { Put(deploy_, mark, message, false); }

  bool ok() const { return errors_.empty(); }

  const std::vector<Fault>& errors() const { return errors_; }

  const std::vector<Fault>& warnings() const { return warnings_; }

  const std::vector<Fault>& deploy() const { return deploy_; }

 private:
  static void Put(std::vector<Fault>& list, const Mark& mark, absl::string_view message, bool warning);

  std::vector<Fault> errors_;
  std::vector<Fault> warnings_;
  std::vector<Fault> deploy_;
};

// Refuses `text` that is no UTF-8: it can stand neither in the API nor in the store.
void RequireUtf8(absl::string_view text, const Mark& mark, FaultList& faults);

}  // namespace drover::compose
