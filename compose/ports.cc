// ports: the short and the long form, ranges, and what Drover publishes of them.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "compose/schema.h"

namespace drover::compose {
namespace {

using Range = std::pair<uint32_t, uint32_t>;

std::optional<Range> ParseRange(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '-');
  Range range;
  if (parts.size() > 2 || !absl::SimpleAtoi(parts.front(), &range.first) ||
      !absl::SimpleAtoi(parts.back(), &range.second) || range.first == 0 || range.second > 65535 ||
      range.first > range.second) {
    return std::nullopt;
  }
  return range;
}

// One entry as written, before ranges are expanded.
struct Written {
  std::string ip;
  std::string published;  // empty: none
  std::string target;
  std::string protocol;
  bool host_mode = false;
  bool ingress = false;
  bool http = false;
  bool h2 = false;
};

std::optional<Written> SplitShort(absl::string_view text) {
  Written out;
  const std::pair<absl::string_view, absl::string_view> halves =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  out.protocol = std::string(halves.second);
  absl::string_view rest = halves.first;
  if (absl::StartsWith(rest, "[")) {
    const size_t close = rest.find("]:");
    if (close == absl::string_view::npos) {
      return std::nullopt;
    }
    out.ip = std::string(rest.substr(1, close - 1));
    rest.remove_prefix(close + 2);
  }
  std::vector<std::string> parts = absl::StrSplit(rest, ':');
  out.target = parts.back();
  parts.pop_back();
  if (!parts.empty()) {
    out.published = parts.back();
    parts.pop_back();
  }
  if (!parts.empty() && out.ip.empty()) {
    // More than one colon left: an IPv6 address without brackets.
    for (const std::string& part : parts) {
      absl::StrAppend(&out.ip, out.ip.empty() && &part == &parts.front() ? "" : ":", part);
    }
    parts.clear();
  }
  return parts.empty() ? std::optional(out) : std::nullopt;
}

bool IsLoopback(absl::string_view ip) {
  return absl::StartsWith(ip, "127.") || ip == "::1" || ip == "localhost";
}

void Expand(const Written& written, const Mark& mark, ServiceRead& s, Reading& r) {
  const auto target = ParseRange(written.target);
  const auto published =
      written.published.empty() ? std::optional<Range>({0, 0}) : ParseRange(written.published);
  if (!target || !published) {
    const std::string& bad = target ? written.published : written.target;
    r.faults.Add(
        mark, absl::StrCat("\"", bad, "\" is no port; write a number from 1 to 65535, or a range 8000-8010"));
    return;
  }
  if (!written.protocol.empty() && written.protocol != "tcp" && written.protocol != "udp") {
    r.faults.Add(mark,
                 absl::StrCat("protocol \"", written.protocol, "\" is not supported; write tcp or udp"));
    return;
  }
  const uint32_t targets = target->second - target->first + 1;
  const uint32_t publishes = published->second - published->first + 1;
  const bool choose = targets == 1 && publishes > 1;
  if (published->first != 0 && !choose && targets != publishes) {
    r.faults.Add(mark,
                 absl::StrCat("the ranges ", written.published, " and ", written.target,
                              " are not equally long; write as many published ports as container ports"));
    return;
  }
  if (choose) {
    r.faults.Warn(mark, absl::StrCat("of the range ", written.published, " only ", published->first,
                                     " is published; write the one port that is meant"));
  }
  for (uint32_t i = 0; i < targets; ++i) {
    ServiceRead::Port port;
    port.mark = mark;
    port.ingress = written.ingress;
    port.spec.set_target(target->first + i);
    port.spec.set_published(published->first == 0 ? 0 : published->first + i);
    const bool any = written.ip == "0.0.0.0" || written.ip == "::" || written.ip.empty();
    port.spec.set_host_ip(any ? "" : written.ip);
    port.spec.set_protocol(written.protocol == "udp" ? v1::PROTOCOL_UDP : v1::PROTOCOL_TCP);
    port.spec.set_host_mode(written.host_mode || (IsLoopback(written.ip) && published->first != 0));
    port.spec.set_http(written.http);
    port.spec.set_h2(written.h2);
    s.ports.push_back(std::move(port));
  }
}

void ReadLong(const Node& item, ServiceRead& s, Reading& r) {
  Written written;
  std::string unused_name;
  ReadMap(item, "port",
          {TextKey("target", r, &written.target),
           TextKey("published", r, &written.published),
           TextKey("host_ip", r, &written.ip),
           TextKey("protocol", r, &written.protocol),
           TextKey("name", r, &unused_name),
           {"mode",
            [&](const Entry& e) {
              const auto mode = ReadWord(e.value, {"host", "ingress"}, r.faults);
              written.host_mode = mode == size_t{0};
              written.ingress = mode == size_t{1};
            }},
           {"app_protocol",
            [&](const Entry& e) {
              const std::string protocol = ReadText(e.value, r.faults).value_or("");
              written.h2 = protocol == "h2c" || protocol == "grpc";
              written.http = protocol == "http" || written.h2;
              if (!protocol.empty() && !written.http && protocol != "tcp") {
                r.faults.Warn(
                    e.value.mark,
                    absl::StrCat("app_protocol \"", protocol,
                                 "\" is not honoured and balanced as tcp; write http, h2c, grpc or tcp"));
              }
            }}},
          r.faults);
  if (written.target.empty()) {
    r.faults.Add(item.mark, "the port has no target; write `target: 80`");
    return;
  }
  Expand(written, item.mark, s, r);
}

}  // namespace

void ReadPorts(const Entry& entry, ServiceRead& s, Reading& r) {
  if (!entry.value.is_list()) {
    r.faults.Add(entry.value.mark, "ports is no list; write `ports: [\"8080:80\"]`");
    return;
  }
  for (const Node& item : entry.value.items) {
    if (item.is_map()) {
      ReadLong(item, s, r);
      continue;
    }
    const auto text = ReadText(item, r.faults);
    if (!text) {
      continue;
    }
    if (const auto written = SplitShort(*text)) {
      Expand(*written, item.mark, s, r);
    } else {
      r.faults.Add(item.mark, absl::StrCat("\"", *text,
                                           "\" is no port; write \"8080:80\" or \"127.0.0.1:8080:80/tcp\""));
    }
  }
}

}  // namespace drover::compose
