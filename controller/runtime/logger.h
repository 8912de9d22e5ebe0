// Structured logs: one line an occurrence, a message and named fields, as text for people or JSON for
// programs, on stderr. Thread-safe.
#pragma once

#include <initializer_list>
#include <string>

#include "absl/strings/string_view.h"

namespace drover::controller {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

struct LogField {
  absl::string_view key;  // snake_case
  std::string value;
};

// Called once, before other threads exist. Until then: text, kInfo.
void SetUpLog(LogLevel least, bool json);

// `message` is constant text; what varies goes into fields. Secrets never do.
void Log(LogLevel level, absl::string_view message, std::initializer_list<LogField> fields = {});

}  // namespace drover::controller
