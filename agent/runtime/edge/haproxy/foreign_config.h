// The configuration of a HAProxy of somebody else's, as far as it is needed to see whether a line is there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace drover::agent {

using ConfigWords = std::vector<std::string>;

// The words of one line, without quotes, escapes and comment.
ConfigWords SplitConfigLine(absl::string_view line);

class ForeignConfig {
 public:
  explicit ForeignConfig(absl::string_view text);

  // Some `global` section has the line.
  bool GlobalHas(const ConfigWords& line) const;
  // The backend has the line itself, its times perhaps in other units.
  bool BackendHas(const std::string& backend, const ConfigWords& line) const;
  // Every server drvN of the backend has these words, one after the other, or takes them from
  // `default-server`.
  bool ServersHave(const std::string& backend, const ConfigWords& words) const;
  // `option NAME` is on, by the backend's own lines or by the defaults that it takes.
  bool OptionIsOn(const std::string& backend, const std::string& option) const;

 private:
  struct Section {
    std::string kind;
    std::string name;
    std::string from;  // the defaults that it names; empty: those in force where it stands
    std::vector<ConfigWords> lines;
  };

  size_t FindBackend(const std::string& name) const;  // sections_.size(): there is none
  // The defaults that the section takes, nearest first.
  std::vector<size_t> DefaultsOf(size_t section) const;

  std::vector<Section> sections_;
};

// What the process of id `pid` was started with: all files that its command line names with -f, joined.
// Errors: why they can't be read from here, or FailedPrecondition when one changed after `started` (seconds
// since 1970), so that the process may run without it.
absl::StatusOr<std::string> ReadForeignConfig(int64_t pid, int64_t started);

}  // namespace drover::agent
