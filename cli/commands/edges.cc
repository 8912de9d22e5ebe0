// edge snippet, edge check.
#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <ostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/session.h"

namespace drover::cli {
namespace {

using Check = v1::EdgeCheckup::Check;

absl::StatusOr<v1::EdgeChecksResponse> GetChecks(const Session& session, const std::string& service) {
  ServiceName name;
  if (!service.empty()) {
    absl::StatusOr<ServiceName> found = FindService(session, service);
    if (!found.ok()) {
      return found.status();
    }
    name = *std::move(found);
  }
  v1::EdgeChecksResponse response;
  const absl::Status status = session.client().Get(
      absl::StrCat("/v1/edges/checks", Query({{"stack", name.stack}, {"service", name.service}})), &response);
  return status.ok() ? absl::StatusOr<v1::EdgeChecksResponse>(response) : status;
}

std::string Where(const v1::EdgeCheckup& edge) {
  return absl::StrCat(edge.node_name().empty() ? edge.node_id() : edge.node_name(), ", ", edge.backend());
}

int Snippet(const Session& session, const std::string& service) {
  const absl::StatusOr<v1::EdgeChecksResponse> response = GetChecks(session, service);
  if (!response.ok()) {
    return session.Fail(response.status());
  }
  if (!response->note().empty()) {
    session.out() << response->note() << "\n";
    return kOk;
  }
  std::map<std::string, std::vector<std::string>> places;  // by the lines that they need
  for (const v1::EdgeCheckup& edge : response->edges()) {
    if (edge.snippet().empty()) {
      session.Fail(absl::StrCat(Where(edge), ": ", edge.error()));
    } else {
      places[edge.snippet()].push_back(Where(edge));
    }
  }
  for (const auto& [snippet, where] : places) {
    session.out() << "# " << absl::StrJoin(where, "; ") << "\n"
                  << snippet << (absl::EndsWith(snippet, "\n") ? "" : "\n");
  }
  return places.empty() ? kError : kOk;
}

std::string ResultText(Check::Result result, bool color) {
  return result == Check::OK       ? Paint("ok", Color::kGreen, color)
         : result == Check::FAILED ? Paint("failed", Color::kRed, color)
                                   : Paint("unknown", Color::kYellow, color);
}

bool Fine(const v1::EdgeChecksResponse& response) {
  bool fine = true;
  for (const v1::EdgeCheckup& edge : response.edges()) {
    fine = fine && edge.error().empty();
    for (const Check& check : edge.checks()) {
      fine = fine && check.result() != Check::FAILED;
    }
  }
  return fine;
}

int CheckEdges(const Session& session, const std::string& service, bool json) {
  const absl::StatusOr<v1::EdgeChecksResponse> response = GetChecks(session, service);
  if (!response.ok()) {
    return session.Fail(response.status());
  }
  if (json) {
    session.PrintJson(*response);
    return Fine(*response) ? kOk : kError;
  }
  if (!response->note().empty()) {
    session.out() << response->note() << "\n";
    return kOk;
  }
  Table table({{"NODE"}, {"EDGE"}, {"CHECK"}, {"RESULT"}, {"DETAIL"}}, session.color());
  for (const v1::EdgeCheckup& edge : response->edges()) {
    const std::string node = edge.node_name().empty() ? edge.node_id() : edge.node_name();
    const std::string name = absl::StrCat(edge.stack(), "/", edge.service(), " at ", edge.backend());
    if (!edge.error().empty()) {
      table.AddRow({node, name, "agent", ResultText(Check::FAILED, session.color()), edge.error()});
    }
    for (const Check& check : edge.checks()) {
      table.AddRow({node, name, check.name(), ResultText(check.result(), session.color()),
                    absl::StrReplaceAll(check.detail(), {{"\n", " "}})});
    }
  }
  session.out() << table.ToText();
  if (!Fine(*response)) {
    session.err() << "`drover edge snippet SERVICE` prints the lines that are needed\n";
    return kError;
  }
  return kOk;
}

}  // namespace

void AddEdgeVerbs(Verbs verbs) {
  Session& session = verbs.session();
  CLI::App* edge =
      verbs.app().add_subcommand("edge", "lines for load balancers of your own, and whether they are there");
  edge->require_subcommand(1);
  Verbs below = verbs.Below(edge);
  auto snippet_of = std::make_shared<std::string>();
  CLI::App* verb = below.Add(
      "snippet", "print the lines that a load balancer of your own needs for a service",
      "drover edge snippet shop/web", [snippet_of, &session] { return Snippet(session, *snippet_of); });
  verb->add_option("SERVICE", *snippet_of, "STACK/SERVICE, or SERVICE where it is unique")
      ->required()
      ->type_name("");

  auto check_of = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  verb = below.Add("check", "prove on the running load balancers that these lines are there",
                   "drover edge check shop/web",
                   [check_of, json, &session] { return CheckEdges(session, *check_of, *json); });
  verb->add_option("SERVICE", *check_of, "STACK/SERVICE, or SERVICE where it is unique; absent: all")
      ->type_name("");
  AddOutputOption(verb, json.get());
  verb->add_flag("--json", *json, "the same as -o json");
}

}  // namespace drover::cli
