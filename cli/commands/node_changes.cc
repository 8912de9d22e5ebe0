// node cordon, uncordon, drain, maintenance, rm; freeze.
#include "cli/commands/node_changes.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "cli/commands/text.h"

namespace drover::cli {
namespace {

struct NodeFlags {
  std::string node;
  std::string deadline;
  std::string duration;
  bool check = false;
  bool force = false;
  bool json = false;
  std::string message;
};

absl::Status SetDuration(absl::string_view flag, const std::string& text,
                         google::protobuf::Duration* (*field)(v1::NodeChangeRequest&),
                         v1::NodeChangeRequest& request) {
  if (text.empty()) {
    return absl::OkStatus();
  }
  const auto duration = ParseFlagDuration(flag, text);
  if (!duration.ok()) {
    return duration.status();
  }
  *field(request) = ToProto(*duration);
  return absl::OkStatus();
}

// 1 when `--check` finds that not everything fits elsewhere.
int Answer(const Session& session, const NodeFlags& flags, const v1::NodeChangeResponse& response) {
  if (flags.json) {
    session.PrintJson(response);
  } else {
    session.out() << response.message() << "\n";
    if (!response.moves().empty()) {
      session.out() << MoveTable({response.moves().begin(), response.moves().end()}, session.color());
    }
  }
  return flags.check && !response.fits() ? kError : kOk;
}

int ChangeNode(const Session& session, const NodeFlags& flags, const std::string& verb) {
  v1::NodeChangeRequest request;
  request.set_dry_run(flags.check);
  request.set_message(flags.message);
  absl::Status parsed = SetDuration(
      "--deadline", flags.deadline, [](v1::NodeChangeRequest& to) { return to.mutable_deadline(); }, request);
  parsed.Update(SetDuration(
      "--for", flags.duration, [](v1::NodeChangeRequest& to) { return to.mutable_duration(); }, request));
  if (!parsed.ok()) {
    return session.Fail(parsed);
  }
  const auto id = FindNode(session, flags.node);
  if (!id.ok()) {
    return session.Fail(id.status());
  }
  v1::NodeChangeResponse response;
  const std::string path = absl::StrCat("/v1/nodes/", *id, "/", verb);
  if (absl::Status status = session.client().Send("POST", path, &request, &response); !status.ok()) {
    return session.Fail(status);
  }
  return Answer(session, flags, response);
}

int RemoveNode(const Session& session, const NodeFlags& flags) {
  const auto id = FindNode(session, flags.node);
  if (!id.ok()) {
    return session.Fail(id.status());
  }
  v1::NodeChangeResponse response;
  const std::string path = absl::StrCat(
      "/v1/nodes/", *id, Query({{"force", flags.force ? "true" : ""}, {"message", flags.message}}));
  if (absl::Status status = session.client().Send("DELETE", path, nullptr, &response); !status.ok()) {
    return session.Fail(status);
  }
  return Answer(session, flags, response);
}

struct NodeVerb {
  std::string name;
  std::string text;
  std::string example;
};

CLI::App* AddNodeVerb(Verbs& verbs, const NodeVerb& about, const std::shared_ptr<NodeFlags>& flags,
                      std::function<int()> run) {
  CLI::App* verb = verbs.Add(about.name, about.text, about.example, std::move(run));
  verb->add_option("NODE", flags->node, "name or id")->required()->type_name("");
  verb->add_option("--message", flags->message, "why, for the history")->type_name("TEXT");
  return verb;
}

void AddEmptyingOptions(CLI::App* verb, NodeFlags& flags) {
  verb->add_option("--deadline", flags.deadline,
                   "what has not left by then is stopped all the same (it waits)")
      ->type_name("DURATION");
  verb->add_flag("--check", flags.check,
                 "only tell where everything would go; exit code 1: it does not all fit");
  AddOutputOption(verb, &flags.json);
}

struct FreezeFlags {
  std::string duration;
  bool off = false;
  std::string message;
};

int Freeze(const Session& session, const FreezeFlags& flags) {
  v1::FreezeRequest request;
  request.set_message(flags.message);
  if (!flags.duration.empty()) {
    const auto duration = ParseFlagDuration("--for", flags.duration);
    if (!duration.ok()) {
      return session.Fail(duration.status());
    }
    *request.mutable_duration() = ToProto(*duration);
  }
  v1::ChangeResponse response;
  const absl::Status status =
      flags.off
          ? session.client().Send("DELETE", absl::StrCat("/v1/freeze", Query({{"message", flags.message}})),
                                  nullptr, &response)
          : session.client().Send("POST", "/v1/freeze", &request, &response);
  if (!status.ok()) {
    return session.Fail(status);
  }
  session.out() << response.message() << "\n";
  return kOk;
}

}  // namespace

void AddNodeChangeVerbs(Verbs verbs) {
  Session& session = verbs.session();
  const auto change = [&session](const std::shared_ptr<NodeFlags>& flags, const char* verb) {
    return [flags, verb, &session] { return ChangeNode(session, *flags, verb); };
  };
  auto flags = std::make_shared<NodeFlags>();
  AddNodeVerb(verbs,
              {"cordon", "a node takes no more replicas; it keeps those it has", "drover node cordon host1"},
              flags, change(flags, "cordon"));
  flags = std::make_shared<NodeFlags>();
  AddNodeVerb(
      verbs,
      {"uncordon", "a node takes replicas again; ends a drain and maintenance", "drover node uncordon host1"},
      flags, change(flags, "uncordon"));
  flags = std::make_shared<NodeFlags>();
  CLI::App* verb = AddNodeVerb(verbs,
                               {"drain", "move what can move away from a node; what keeps data there stays",
                                "drover node drain host1 --deadline 10m --message \"new disks\""},
                               flags, change(flags, "drain"));
  AddEmptyingOptions(verb, *flags);
  flags = std::make_shared<NodeFlags>();
  verb =
      AddNodeVerb(verbs,
                  {"maintenance", "drain a node for a while; nothing that stays there is replaced meanwhile",
                   "drover node maintenance host1 --for 30m"},
                  flags, change(flags, "maintenance"));
  verb->add_option("--for", flags->duration, "it is back by itself then (until `uncordon`)")
      ->type_name("DURATION");
  AddEmptyingOptions(verb, *flags);
  flags = std::make_shared<NodeFlags>();
  verb = AddNodeVerb(verbs, {"rm", "remove a node for good", "drover node rm host1"}, flags,
                     [flags, &session] { return RemoveNode(session, *flags); });
  verb->add_flag("--force", flags->force, "also while it is up and holds replicas, or data");
}

void AddFreezeVerb(Verbs verbs) {
  Session& session = verbs.session();
  auto flags = std::make_shared<FreezeFlags>();
  CLI::App* verb =
      verbs.Add("freeze", "hold the whole cluster still: nothing is scaled, replaced or rolled out",
                "drover freeze --for 1h --message \"sale starts\"",
                [flags, &session] { return Freeze(session, *flags); });
  auto* duration =
      verb->add_option("--for", flags->duration, "until then (until `freeze --off`)")->type_name("DURATION");
  verb->add_flag("--off", flags->off, "end it")->excludes(duration);
  verb->add_option("-m,--message", flags->message, "why, for the history")->type_name("TEXT");
}

}  // namespace drover::cli
