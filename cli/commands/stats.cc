// stats and top: what replicas use, and what services do, once or live.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <ostream>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "cli/commands/text.h"
#include "cli/commands/wait.h"
#include "cli/session.h"

namespace drover::cli {
namespace {

std::string Percent(double used, double of) {
  return of > 0 ? absl::StrCat(static_cast<int64_t>(100 * used / of), " %") : "";
}

// Draws frames until `q`; without a terminal one frame.
int Live(const Session& session, bool live, const std::function<absl::StatusOr<std::string>()>& frame) {
  if (!live || !session.io().terminal) {
    const auto text = frame();
    if (!text.ok()) {
      return session.Fail(text.status());
    }
    session.out() << *text;
    return kOk;
  }
  RawKeyboard keyboard;
  LiveRegion region(session.out());
  while (true) {
    const auto text = frame();
    region.Draw(text.ok() ? absl::StrCat(*text, "\n", Paint("q quits", Color::kDim, session.color()))
                          : absl::StrCat("drover: ", text.status().message()));
    const char key = keyboard.Wait(absl::Seconds(1));
    if (key == 'q' || !session.out().good()) {
      return kOk;
    }
  }
}

struct StatsFlags {
  std::string service;
  std::string stack;
  bool watch = false;
  bool json = false;
};

absl::StatusOr<std::string> StatsFrame(const Session& session, const std::string& query) {
  v1::ListReplicasResponse response;
  v1::ListServicesResponse services;
  if (absl::Status status = session.client().Get("/v1/replicas" + query, &response); !status.ok()) {
    return status;
  }
  if (absl::Status status = session.client().Get("/v1/services", &services); !status.ok()) {
    return status;
  }
  auto service_of = [&](const v1::Replica& replica) {
    auto it =
        std::find_if(services.services().begin(), services.services().end(), [&](const v1::Service& service) {
          return service.stack() == replica.stack() && service.name() == replica.service();
        });
    return it == services.services().end() ? v1::Service() : *it;
  };
  std::vector<v1::Replica> replicas(response.replicas().begin(), response.replicas().end());
  std::sort(replicas.begin(), replicas.end(), [](const v1::Replica& a, const v1::Replica& b) {
    return std::make_tuple(a.stack(), a.service(), a.number()) <
           std::make_tuple(b.stack(), b.service(), b.number());
  });
  Table table({{"NAME"},
               {"NODE"},
               {"STATE"},
               {"CPU", Table::Align::kRight},
               {"OF RESERVED", Table::Align::kRight},
               {"MEMORY", Table::Align::kRight},
               {"OF RESERVED", Table::Align::kRight},
               {"IN FLIGHT", Table::Align::kRight},
               {"REQUESTS", Table::Align::kRight},
               {"FAILED", Table::Align::kRight}},
              session.color());
  const auto number = [](bool known, uint64_t value) { return known ? absl::StrCat(value) : ""; };
  for (const v1::Replica& replica : replicas) {
    const v1::Service service = service_of(replica);
    const auto memory = static_cast<int64_t>(replica.memory_kib()) * 1024;
    table.AddRow({replica.name(), replica.node_name(), StateText(replica.state(), session.color()),
                  replica.has_cpu_milli() ? CpuText(replica.cpu_milli()) : "unknown",
                  replica.has_cpu_milli()
                      ? Percent(replica.cpu_milli(), static_cast<double>(service.reserved_cpu_milli()))
                      : "",
                  replica.has_memory_kib() ? BytesText(memory) : "unknown",
                  replica.has_memory_kib() ? Percent(static_cast<double>(memory),
                                                     static_cast<double>(service.reserved_memory_bytes()))
                                           : "",
                  number(replica.has_in_flight(), replica.in_flight()),
                  number(replica.has_requests_total(), replica.requests_total()),
                  number(replica.has_errors_total(), replica.errors_total())});
  }
  return table.ToText();
}

int Stats(const Session& session, const StatsFlags& flags) {
  ServiceName name{.stack = flags.stack, .service = ""};
  if (!flags.service.empty()) {
    const auto found = FindService(session, flags.service);
    if (!found.ok()) {
      return session.Fail(found.status());
    }
    name = *found;
  }
  const std::string query = Query({{"stack", name.stack}, {"service", name.service}});
  if (flags.json) {
    return session.Show<v1::ListReplicasResponse>("/v1/replicas" + query, true, nullptr);
  }
  return Live(session, flags.watch, [&] { return StatsFrame(session, query); });
}

std::string NodeLine(const v1::Node& node, bool color) {
  const bool up = node.status() == v1::Node::UP;
  const v1::HostSample& host = node.host();
  const std::string cpu = host.has_cpu_milli()
                              ? absl::StrCat(NumberText(host.cpu_milli() / 1000.0), "/", host.cpu_count())
                              : "unknown";
  const bool memory_known = host.has_memory_total_bytes() && host.has_memory_available_bytes();
  const std::string memory =
      memory_known ? absl::StrCat(BytesText(host.memory_total_bytes() - host.memory_available_bytes()), "/",
                                  BytesText(host.memory_total_bytes()))
                   : "unknown";
  return absl::StrCat(node.name(), " ", Paint(up ? "up" : "away", up ? Color::kGreen : Color::kRed, color),
                      "  CPU ", cpu, "  memory ", memory, "  ", node.replicas(), " replicas\n");
}

absl::StatusOr<std::string> TopFrame(const Session& session, const std::string& stack) {
  v1::ListServicesResponse services;
  v1::ListNodesResponse nodes;
  if (absl::Status status = session.client().Get("/v1/services" + Query({{"stack", stack}}), &services);
      !status.ok()) {
    return status;
  }
  if (absl::Status status = session.client().Get("/v1/nodes", &nodes); !status.ok()) {
    return status;
  }
  std::string out;
  for (const v1::Node& node : nodes.nodes()) {
    absl::StrAppend(&out, NodeLine(node, session.color()));
  }
  Table table({{"SERVICE"},
               {"DESIRED", Table::Align::kRight},
               {"READY", Table::Align::kRight},
               {"RANGE"},
               {"SIGNALS"},
               {"STATUS"}},
              session.color());
  for (const v1::Service& service : services.services()) {
    const std::string range = service.autoscaled() ? absl::StrCat(service.min(), "–", service.max()) : "";
    table.AddRow({absl::StrCat(service.stack(), "/", service.name()), absl::StrCat(service.desired()),
                  absl::StrCat(service.ready()), range, SignalsText(service),
                  StatusText(service, false, session.color())});
  }
  return absl::StrCat(out, out.empty() ? "" : "\n", table.ToText());
}

}  // namespace

void AddStatsVerbs(Verbs verbs) {
  Session& session = verbs.session();
  auto stats = std::make_shared<StatsFlags>();
  CLI::App* verb = verbs.Add("stats", "show CPU and memory of replicas", "drover stats shop/web --watch",
                             [stats, &session] { return Stats(session, *stats); });
  verb->add_option("SERVICE", stats->service, "only this service")->type_name("");
  verb->add_option("-p,--project-name", stats->stack, "only this stack")->type_name("STACK");
  verb->add_flag("-w,--watch", stats->watch, "once a second until q");
  AddOutputOption(verb, &stats->json);

  auto stack = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  verb = verbs.Add("top", "watch services, their signals and nodes live; q quits", "drover top -p shop",
                   [stack, json, &session] {
                     if (*json) {
                       return session.Show<v1::ListServicesResponse>(
                           "/v1/services" + Query({{"stack", *stack}}), true, nullptr);
                     }
                     return Live(session, true, [&] { return TopFrame(session, *stack); });
                   });
  verb->add_option("-p,--project-name", *stack, "only this stack")->type_name("STACK");
  AddOutputOption(verb, json.get());
}

}  // namespace drover::cli
