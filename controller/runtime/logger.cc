#include "controller/runtime/logger.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace drover::controller {
namespace {

struct State {
  std::shared_ptr<spdlog::logger> logger;
  bool json = false;
};

State& TheLog() {
  static State state = [] {
    auto logger =
        std::make_shared<spdlog::logger>("drover", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern("%v");
    logger->flush_on(spdlog::level::debug);
    return State{.logger = std::move(logger)};
  }();
  return state;
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

absl::string_view Name(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "info";
}

std::string JsonLine(const std::string& time, LogLevel level, absl::string_view message,
                     std::initializer_list<LogField> fields) {
  nlohmann::ordered_json line;
  line["time"] = time;
  line["level"] = std::string(Name(level));
  line["message"] = std::string(message);
  for (const LogField& field : fields) {
    line[std::string(field.key)] = field.value;
  }
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string TextLine(const std::string& time, LogLevel level, absl::string_view message,
                     std::initializer_list<LogField> fields) {
  std::string line = absl::StrCat(time, " ", Name(level), " ", message);
  for (const LogField& field : fields) {
    const bool plain = !field.value.empty() && field.value.find_first_of(" \"\n\t=") == std::string::npos;
    absl::StrAppend(&line, " ", field.key, "=",
                    plain ? field.value : absl::StrCat("\"", absl::Utf8SafeCEscape(field.value), "\""));
  }
  return line;
}

}  // namespace

void SetUpLog(LogLevel least, bool json) {
  TheLog().logger->set_level(ToSpdlog(least));
  TheLog().json = json;
}

void Log(LogLevel level, absl::string_view message, std::initializer_list<LogField> fields) {
  const State& log = TheLog();
  if (!log.logger->should_log(ToSpdlog(level))) {
    return;
  }
  const std::string time = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
  const std::string line =
      log.json ? JsonLine(time, level, message, fields) : TextLine(time, level, message, fields);
  log.logger->log(ToSpdlog(level), spdlog::string_view_t(line));
}

}  // namespace drover::controller
