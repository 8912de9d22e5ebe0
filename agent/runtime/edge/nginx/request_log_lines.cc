#include "agent/runtime/edge/nginx/request_log_lines.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/runtime/edge/request_window.h"

namespace drover::agent {
namespace {

constexpr int kLeastNginxLines = 20;
constexpr uint32_t kDistance = 100;
constexpr char kTimes[] = " $status $upstream_addr $upstream_response_time";

std::string SyslogTarget(uint32_t marker_port) {
  return absl::StrCat("access_log syslog:server=127.0.0.1:", NginxRequestLogPort(marker_port),
                      ",nohostname ");
}

}  // namespace

uint32_t NginxRequestLogPort(uint32_t marker_port) { return marker_port + kDistance; }

std::string RenderNginxRequestLog(uint32_t marker_port, size_t backends) {
  if (backends == 0) {
    return "  access_log off;\n";
  }
  const int lines = std::max(kLeastNginxLines,
                             kLinesPerSecond / static_cast<int>(std::min<size_t>(backends, kLinesPerSecond)));
  return absl::StrCat("  log_format drover \"drover $drover_set", kTimes,
                      "\";\n  limit_req_zone $drover_set zone=drover.log:1m rate=", lines,
                      "r/s;\n  limit_req zone=drover.log burst=", lines / 5,
                      " nodelay;\n  limit_req_dry_run on;\n  limit_req_log_level info;\n"
                      "  map $limit_req_status $drover_logged { PASSED 1; default 0; }\n  ",
                      SyslogTarget(marker_port), "drover if=$drover_logged;\n");
}

std::string RenderNginxRequestMark(const std::string& backend) {
  return absl::StrCat("set $drover_set ", backend, ";");
}

std::string RenderNginxLogFormat(const std::string& upstream) {
  return absl::StrCat("  log_format drover-times.", upstream, " \"drover ", upstream, kTimes, "\";\n");
}

std::string NginxRequestLogSnippet(const std::string& upstream, uint32_t marker_port) {
  return absl::StrCat(SyslogTarget(marker_port), "drover-times.", upstream, ";");
}

}  // namespace drover::agent
