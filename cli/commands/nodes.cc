// node ls, node inspect; what changes a node is node_changes.cc.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/commands/node_changes.h"
#include "cli/commands/text.h"
#include "cli/session.h"

namespace drover::cli {
namespace {

// What an operator has said of it; empty: nothing.
std::string AvailabilityWord(const v1::Node& node) {
  switch (node.availability()) {
    case v1::NODE_CORDONED:
      return "cordoned";
    case v1::NODE_DRAINING:
      return "draining";
    case v1::NODE_MAINTENANCE:
      return "maintenance";
    default:
      return "";
  }
}

std::string At(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", FromProto(time), absl::LocalTimeZone());
}

std::string NodeStatus(const v1::Node& node, bool color) {
  const std::string name =
      absl::StrReplaceAll(absl::AsciiStrToLower(v1::Node::Status_Name(node.status())), {{"_", " "}});
  const std::string word = Paint(name, node.status() == v1::Node::UP ? Color::kGreen : Color::kRed, color);
  const std::string said = AvailabilityWord(node);
  return said.empty() ? word : absl::StrCat(word, ", ", Paint(said, Color::kYellow, color));
}

std::string Free(int64_t reserved, int64_t capacity, std::string (*text)(int64_t)) {
  return absl::StrCat(text(capacity - reserved), " of ", text(capacity));
}

std::string EdgeText(const v1::EdgeInfo& edge) {
  return edge.kind().empty()
             ? ""
             : absl::StrCat(edge.kind(), " ", edge.version(), edge.attached() ? " (attached)" : "");
}

int NodeLs(const Session& session, bool json) {
  return session.Show<v1::ListNodesResponse>("/v1/nodes", json, [&](const v1::ListNodesResponse& response) {
    Table table({{"NODE"},
                 {"STATUS"},
                 {"ADDRESS"},
                 {"REPLICAS", Table::Align::kRight},
                 {"FREE CPU"},
                 {"FREE MEMORY"},
                 {"EDGE"},
                 {"HEARD", Table::Align::kRight}},
                session.color());
    for (const v1::Node& node : response.nodes()) {
      table.AddRow({node.name().empty() ? node.id() : node.name(), NodeStatus(node, session.color()),
                    node.address(), absl::StrCat(node.replicas()),
                    Free(node.reserved_cpu_milli(), node.capacity().cpu_milli(), CpuText),
                    Free(node.reserved_memory_bytes(), node.capacity().memory_bytes(), BytesText),
                    EdgeText(node.edge()),
                    node.has_last_report_age()
                        ? absl::StrCat(ShortDuration(FromProto(node.last_report_age())), " ago")
                        : ""});
    }
    session.out() << table.ToText();
  });
}

void PrintNode(const Session& session, const v1::Node& node) {
  auto line = [&](absl::string_view name, const std::string& value) {
    if (!value.empty()) {
      session.out() << Paint(absl::StrCat(name, std::string(12 - std::min<size_t>(name.size(), 12), ' ')),
                             Color::kDim, session.color())
                    << value << "\n";
    }
  };
  line("name", node.name());
  line("id", node.id());
  line("status", NodeStatus(node, session.color()));
  line("said by", node.availability_note());
  line("back at", node.has_available_at() ? At(node.available_at()) : "");
  line("deadline", node.has_drain_deadline() ? At(node.drain_deadline()) : "");
  line("address", node.address());
  line("heard", node.has_last_report_age()
                    ? absl::StrCat(ShortDuration(FromProto(node.last_report_age())), " ago")
                    : "");
  line("free CPU", Free(node.reserved_cpu_milli(), node.capacity().cpu_milli(), CpuText));
  line("free memory", Free(node.reserved_memory_bytes(), node.capacity().memory_bytes(), BytesText));
  line("edge", EdgeText(node.edge()));
  line("engine", node.engine().version().empty()
                     ? ""
                     : absl::StrCat(node.engine().version(), ", API ", node.engine().api_version(),
                                    ", cgroup v", node.engine().cgroup_version(), ", ", node.engine().os()));
  line("agent", node.agent_version());
  std::vector<std::string> labels;
  for (const auto& [key, value] : node.labels()) {
    labels.push_back(absl::StrCat(key, "=", value));
  }
  std::sort(labels.begin(), labels.end());
  line("labels", absl::StrJoin(labels, ", "));
  for (const auto& stuck : node.stuck()) {
    line("stuck", absl::StrCat(stuck.call(), " for ", ShortDuration(absl::Milliseconds(stuck.since_ms()))));
  }
  if (!node.replica_list().empty()) {
    session.out() << "\n"
                  << ReplicaTable({node.replica_list().begin(), node.replica_list().end()}, session.color());
  }
  if (!node.moves().empty()) {
    session.out() << "\n" << MoveTable({node.moves().begin(), node.moves().end()}, session.color());
  }
}

}  // namespace

absl::StatusOr<std::string> FindNode(const Session& session, const std::string& text) {
  v1::ListNodesResponse response;
  if (absl::Status status = session.client().Get("/v1/nodes", &response); !status.ok()) {
    return status;
  }
  std::vector<std::string> found;
  for (const v1::Node& node : response.nodes()) {
    if (node.id() == text) {
      return node.id();
    }
    if (node.name() == text) {
      found.push_back(node.id());
    }
  }
  if (found.size() > 1) {
    return absl::FailedPreconditionError(absl::StrCat(
        "several nodes are named \"", text, "\"; name one by its id: ", absl::StrJoin(found, ", ")));
  }
  if (found.empty()) {
    return absl::NotFoundError(absl::StrCat("no node is named \"", text, "\"; `drover node ls` shows them"));
  }
  return found[0];
}

void AddNodeVerbs(Verbs verbs) {
  Session& session = verbs.session();
  CLI::App* node = verbs.app().add_subcommand("node", "list, inspect, drain and remove nodes");
  node->require_subcommand(1);
  Verbs below = verbs.Below(node);
  auto json = std::make_shared<bool>(false);
  CLI::App* verb =
      below.Add("ls", "list nodes", "drover node ls", [json, &session] { return NodeLs(session, *json); });
  AddOutputOption(verb, json.get());

  auto name = std::make_shared<std::string>();
  verb = below.Add("inspect", "show one node and what runs on it", "drover node inspect host1",
                   [name, json, &session] {
                     const auto id = FindNode(session, *name);
                     if (!id.ok()) {
                       return session.Fail(id.status());
                     }
                     return session.Show<v1::Node>(absl::StrCat("/v1/nodes/", *id), *json,
                                                   [&](const v1::Node& found) { PrintNode(session, found); });
                   });
  verb->add_option("NODE", *name, "name or id")->required()->type_name("");
  AddOutputOption(verb, json.get());
  AddNodeChangeVerbs(below);
}

}  // namespace drover::cli
