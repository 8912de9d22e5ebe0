#include "agent/runtime/edge/haproxy/request_log_lines.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/runtime/edge/fingerprint.h"
#include "agent/runtime/edge/request_window.h"

namespace drover::agent {
namespace {

constexpr int kLeastLines = 20;
constexpr int kRandom = 10'000;

}  // namespace

std::string RenderRequestLog(const std::string& path) {
  return absl::StrCat(
      "  log 'unix@", path,
      "' len 512 format raw local0 info\n  option dontlognull\n"
      "  log-format \"%b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST\"\n  http-request set-log-level silent\n");
}

// With R requests a second each is chosen with the chance lines / R: a random number below `kRandom`, times
// R, is below lines times `kRandom` so often.
std::string RenderRequestSample(size_t backends) {
  const int lines = std::max(
      kLeastLines, kLinesPerSecond / static_cast<int>(std::clamp<size_t>(backends, 1, kLinesPerSecond)));
  return absl::StrCat("  http-request set-var(txn.drover_rate) be_sess_rate\n",
                      "  http-request set-log-level info if { rand(", kRandom, "),mul(txn.drover_rate) lt ",
                      int64_t{lines} * kRandom, " }\n");
}

// Commented out: they belong elsewhere, as the other lines of a snippet are of the backend.
std::string RequestLogSnippet(const std::string& name) {
  return absl::StrCat(
      "# In each frontend that leads there, for what its requests take (a log-format of your own has to\n"
      "# contain %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST in this order):\n#   log abns@",
      name, " len 1024 format raw local0 info\n#   option httplog\n");
}

std::string RequestLogName(const std::string& dir) {
  return absl::StrFormat("drover-%016x", Fingerprint(dir));
}

}  // namespace drover::agent
