#include "agent/runtime/edge/request_line.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace drover::agent {
namespace {

constexpr int kSwitchingProtocols = 101;

using Timers = std::array<int64_t, 5>;  // TR, Tw, Tc, Tr, Ta in ms; -1: not reached

// A "+" says that the line was written before the end (`option logasap`).
std::optional<Timers> ReadTimers(absl::string_view word) {
  const std::vector<absl::string_view> parts = absl::StrSplit(word, '/');
  Timers timers = {};
  if (parts.size() != timers.size()) {
    return std::nullopt;
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    absl::string_view part = parts[i];
    absl::ConsumePrefix(&part, "+");
    if (!absl::SimpleAtoi(part, &timers[i])) {
      return std::nullopt;
    }
  }
  return timers;
}

std::optional<RequestLine::Times> TimesOf(const Timers& timers, int status) {
  const auto& [receive, wait, connect, respond, all] = timers;
  if (wait < 0 || connect < 0 || all < 0 || status == kSwitchingProtocols) {
    return std::nullopt;
  }
  const int64_t answered = std::max<int64_t>(0, all - std::max<int64_t>(0, receive));
  return RequestLine::Times{.answered = absl::Milliseconds(answered),
                            .replica = absl::Milliseconds(std::max<int64_t>(0, answered - wait))};
}

}  // namespace

std::optional<RequestLine> ReadHaproxyLine(absl::string_view line) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(line, absl::ByAnyChar(" \n"), absl::SkipEmpty());
  for (size_t i = 1; i + 1 < words.size(); ++i) {
    const size_t slash = words[i - 1].find('/');
    const std::optional<Timers> timers =
        slash == absl::string_view::npos ? std::nullopt : ReadTimers(words[i]);
    int status = 0;
    if (timers && absl::SimpleAtoi(words[i + 1], &status)) {
      return RequestLine{.backend = std::string(words[i - 1].substr(0, slash)),
                         .times = TimesOf(*timers, status)};
    }
  }
  return std::nullopt;
}

std::optional<RequestLine> ReadNginxLine(absl::string_view line, uint32_t refusing_port) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(line, absl::ByAnyChar(" ,\n"), absl::SkipEmpty());
  const auto mark = std::find(words.begin(), words.end(), "drover");
  int status = 0;
  if (words.end() - mark < 3 || !absl::SimpleAtoi(mark[2], &status)) {
    return std::nullopt;
  }
  RequestLine out{.backend = std::string(mark[1])};
  const std::string refusal = absl::StrCat(":", refusing_port);
  Duration sum;
  bool any = false;
  for (auto word = mark + 3; word != words.end(); ++word) {
    double seconds = 0;
    if (absl::EndsWith(*word, refusal)) {
      return out;
    }
    if (absl::SimpleAtod(*word, &seconds) && seconds >= 0) {
      any = true;
      sum += absl::Seconds(seconds);
    }
  }
  if (any && status != kSwitchingProtocols) {
    out.times = RequestLine::Times{.answered = sum, .replica = sum};
  }
  return out;
}

}  // namespace drover::agent
