#include "cli/commands/text.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"

namespace drover::cli {

std::string StateText(v1::ReplicaState state, bool color) {
  const std::string name =
      absl::AsciiStrToLower(absl::StripPrefix(v1::ReplicaState_Name(state), "REPLICA_STATE_"));
  if (name == "ready" || name == "completed") {
    return Paint(name, Color::kGreen, color);
  }
  return Paint(name, name == "failed" || name == "lost" ? Color::kRed : Color::kYellow, color);
}

std::string ReplicaTable(std::vector<v1::Replica> replicas, bool color) {
  std::sort(replicas.begin(), replicas.end(), [](const v1::Replica& a, const v1::Replica& b) {
    return std::make_tuple(a.stack(), a.service(), a.number()) <
           std::make_tuple(b.stack(), b.service(), b.number());
  });
  Table table({{"NAME"},
               {"SERVICE"},
               {"NODE"},
               {"STATE"},
               {"FOR", Table::Align::kRight},
               {"RESTARTS", Table::Align::kRight},
               {"REASON"}},
              color);
  for (const v1::Replica& replica : replicas) {
    std::string reason = replica.reason();
    if (!replica.message().empty()) {
      absl::StrAppend(&reason, reason.empty() ? "" : ": ", replica.message());
    }
    table.AddRow({replica.name().empty() ? replica.id() : replica.name(),
                  absl::StrCat(replica.stack(), "/", replica.service()), replica.node_name(),
                  StateText(replica.state(), color), ShortDuration(FromProto(replica.state_age())),
                  replica.restarts() == 0 ? "" : absl::StrCat(replica.restarts()), reason});
  }
  return table.ToText();
}

std::string MoveTable(const std::vector<v1::NodeMove>& moves, bool color) {
  Table table({{"REPLICA"}, {"SERVICE"}, {"GOES TO"}}, color);
  for (const v1::NodeMove& move : moves) {
    table.AddRow({move.name().empty() ? move.replica_id() : move.name(),
                  absl::StrCat(move.stack(), "/", move.service()),
                  move.to_node().empty() ? Paint(move.why(), Color::kYellow, color) : move.to_node()});
  }
  return table.ToText();
}

namespace {

// "p50 20ms, p95 180ms"
std::string RequestsText(const v1::Requests& requests) {
  return absl::StrJoin(
      requests.quantiles(), ", ", [](std::string* out, const v1::Requests::Quantile& quantile) {
        const absl::Duration took = FromProto(quantile.answered());
        // Three digits are more than samples tell.
        const absl::Duration unit = took < absl::Seconds(1) ? absl::Milliseconds(1) : absl::Milliseconds(10);
        absl::StrAppend(out, "p", NumberText(100 * quantile.quantile()), " ",
                        absl::FormatDuration(absl::Trunc(took, unit)));
      });
}

}  // namespace

std::string SignalsText(const v1::Service& service) {
  std::vector<std::string> parts;
  for (const v1::SignalView& signal : service.signals()) {
    if (!signal.has_value()) {
      parts.push_back(absl::StrCat(signal.name(), " unknown"));
      continue;
    }
    parts.push_back(absl::StrCat(signal.name(), " ", NumberText(signal.value()), "/",
                                 NumberText(signal.target()), signal.unit() == "%" ? " %" : ""));
  }
  if (service.requests().quantiles_size() > 0) {
    parts.push_back(RequestsText(service.requests()));
  }
  return absl::StrJoin(parts, ", ");
}

std::string PortsText(const v1::Service& service) {
  std::vector<std::string> parts;
  for (const v1::PortSpec& port : service.ports()) {
    if (port.published() != 0) {
      parts.push_back(absl::StrCat(port.host_ip(), port.host_ip().empty() ? "" : ":", port.published(), "→",
                                   port.target()));
    }
  }
  return absl::StrJoin(parts, ", ");
}

std::string StatusText(const v1::Service& service, bool removing, bool color) {
  std::vector<std::string> parts;
  if (removing) {
    parts.push_back("being removed");
  }
  parts.push_back(Paint(service.status(), service.converged() ? Color::kGreen : Color::kYellow, color));
  if (service.paused()) {
    parts.push_back(service.pause_down_only() ? "paused (down only)" : "paused");
  }
  if (service.has_held_until()) {
    parts.push_back(absl::StrCat(
        "held until ", absl::FormatTime("%H:%M", FromProto(service.held_until()), absl::LocalTimeZone())));
  }
  if (service.pinned()) {
    parts.push_back(service.pinned_node().empty() ? "pinned"
                                                  : absl::StrCat("pinned to ", service.pinned_node()));
  }
  std::erase_if(parts, [](const std::string& part) { return part.empty(); });
  return absl::StrJoin(parts, ", ");
}

std::string EventText(const v1::Event& event, bool color) {
  const absl::Time at = FromProto(event.at());
  const absl::TimeZone zone = absl::LocalTimeZone();
  const bool today = absl::ToCivilDay(at, zone) == absl::ToCivilDay(absl::Now(), zone);
  std::string where =
      event.service().empty() ? event.stack() : absl::StrCat(event.stack(), "/", event.service());
  if (where.empty()) {
    where = event.node_id().empty() ? event.type() : absl::StrCat("node ", event.node_id());
  }
  return absl::StrCat(
      Paint(absl::FormatTime(today ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", at, zone), Color::kDim, color), "  ",
      where, "  ", Paint(event.reason(), event.warning() ? Color::kRed : Color::kBold, color), "  ",
      event.message());
}

}  // namespace drover::cli
