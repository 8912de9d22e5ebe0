// ps, ls, scale, pause, resume, push.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <ostream>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "cli/commands/text.h"
#include "cli/session.h"

namespace drover::cli {
namespace {

struct ListFlags {
  std::string stack;
  std::string service;
  bool all = false;
  bool json = false;
};

int Ps(const Session& session, const ListFlags& flags) {
  std::string stack = flags.stack;
  std::string service;
  if (!flags.service.empty()) {
    const auto name = FindService(
        session, flags.stack.empty() ? flags.service : absl::StrCat(flags.stack, "/", flags.service));
    if (!name.ok()) {
      return session.Fail(name.status());
    }
    stack = name->stack;
    service = name->service;
  }
  return session.Show<v1::ListReplicasResponse>(
      absl::StrCat("/v1/replicas",
                   Query({{"stack", stack}, {"service", service}, {"all", flags.all ? "true" : ""}})),
      flags.json, [&](const v1::ListReplicasResponse& response) {
        session.out() << ReplicaTable({response.replicas().begin(), response.replicas().end()},
                                      session.color());
      });
}

std::string RangeText(const v1::Service& service) {
  return service.autoscaled() ? absl::StrCat(service.min(), "–", service.max()) : "";
}

int Ls(const Session& session, bool json) {
  return session.Show<v1::ListStacksResponse>(
      "/v1/stacks", json, [&](const v1::ListStacksResponse& response) {
        Table table({{"STACK"},
                     {"SERVICE"},
                     {"READY", Table::Align::kRight},
                     {"RANGE"},
                     {"SIGNALS"},
                     {"PORTS"},
                     {"STATUS"}},
                    session.color());
        for (const v1::Stack& stack : response.stacks()) {
          for (const v1::Service& service : stack.services()) {
            table.AddRow({stack.name(), service.name(), absl::StrCat(service.ready(), "/", service.desired()),
                          RangeText(service), SignalsText(service), PortsText(service),
                          StatusText(service, stack.removing(), session.color())});
          }
          if (stack.services().empty()) {
            table.AddRow({stack.name(), "", "", "", "", "", stack.removing() ? "being removed" : ""});
          }
        }
        session.out() << table.ToText();
      });
}

struct ScaleFlags {
  std::vector<std::string> targets;
  std::string hold;
  bool forever = false;
  std::string message;
};

int Change(const Session& session, const ServiceName& name, const std::string& verb,
           const google::protobuf::Message& request) {
  v1::ChangeResponse response;
  const std::string path = absl::StrCat("/v1/services/", name.stack, "/", name.service, "/", verb);
  if (absl::Status status = session.client().Send("POST", path, &request, &response); !status.ok()) {
    return session.Fail(status);
  }
  session.out() << (response.message().empty() ? absl::StrCat(name.stack, "/", name.service, ": done")
                                               : response.message())
                << "\n";
  return kOk;
}

int Scale(const Session& session, const ScaleFlags& flags) {
  v1::ScaleRequest request;
  request.set_forever(flags.forever);
  request.set_message(flags.message);
  if (!flags.hold.empty()) {
    const auto hold = ParseFlagDuration("--hold", flags.hold);
    if (!hold.ok()) {
      return session.Fail(hold.status());
    }
    *request.mutable_hold() = ToProto(*hold);
  }
  int worst = kOk;
  for (const std::string& target : flags.targets) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(target, absl::MaxSplits('=', 1));
    uint32_t count = 0;
    if (parts.first.empty() || !absl::SimpleAtoi(parts.second, &count)) {
      return session.Fail(
          absl::StrCat("\"", target, "\" names no count; write SERVICE=N, for example web=5"));
    }
    const auto name = FindService(session, parts.first);
    if (!name.ok()) {
      return session.Fail(name.status());
    }
    request.set_replicas(count);
    worst = std::max(worst, Change(session, *name, "scale", request));
  }
  return worst;
}

struct PauseFlags {
  std::vector<std::string> services;
  std::string duration;
  bool down_only = false;
  std::string message;
};

int ForEach(const Session& session, const std::vector<std::string>& services, const std::string& verb,
            const google::protobuf::Message& request) {
  int worst = kOk;
  for (const std::string& service : services) {
    const auto name = FindService(session, service);
    worst = std::max(worst, name.ok() ? Change(session, *name, verb, request) : session.Fail(name.status()));
  }
  return worst;
}

int Pause(const Session& session, const PauseFlags& flags) {
  v1::PauseRequest request;
  request.set_down_only(flags.down_only);
  request.set_message(flags.message);
  if (!flags.duration.empty()) {
    const auto duration = ParseFlagDuration("--for", flags.duration);
    if (!duration.ok()) {
      return session.Fail(duration.status());
    }
    *request.mutable_duration() = ToProto(*duration);
  }
  return ForEach(session, flags.services, "pause", request);
}

int Resume(const Session& session, const PauseFlags& flags) {
  v1::ResumeRequest request;
  request.set_message(flags.message);
  return ForEach(session, flags.services, "resume", request);
}

struct PushFlags {
  std::string metric;
  double value = 0;
  std::string unit;
};

int Push(const Session& session, const PushFlags& flags) {
  const std::vector<std::string> parts = absl::StrSplit(flags.metric, '/');
  if (parts.size() != 2 || parts[0].empty() || parts[1].empty()) {
    return session.Fail(absl::StrCat("\"", flags.metric,
                                     "\" is no pushed metric; write STACK/NAME, for example shop/emails"));
  }
  v1::PushMetricRequest request;
  request.set_value(flags.value);
  request.set_unit(flags.unit);
  v1::ChangeResponse response;
  const std::string path = absl::StrCat("/v1/metrics/", parts[0], "/", parts[1]);
  if (const absl::Status status = session.client().Send("POST", path, &request, &response); !status.ok()) {
    return session.Fail(status);
  }
  session.out() << response.message() << "\n";
  return kOk;
}

void AddPushVerb(Verbs& verbs) {
  Session& session = verbs.session();
  auto push = std::make_shared<PushFlags>();
  CLI::App* verb =
      verbs.Add("push", "send the value of a queue that is declared as `pushed: NAME`",
                "drover push shop/emails 12 --unit mails", [push, &session] { return Push(session, *push); });
  verb->add_option("STACK/NAME", push->metric, "the stack, and the name under `pushed:`")
      ->required()
      ->type_name("");
  verb->add_option("VALUE", push->value, "0 or more")->required()->type_name("");
  verb->add_option("--unit", push->unit, "of the value, for people")->type_name("TEXT");
}

void AddPauseVerbs(Verbs& verbs) {
  Session& session = verbs.session();
  auto pause = std::make_shared<PauseFlags>();
  CLI::App* verb =
      verbs.Add("pause", "stop scaling a service; its replicas stay", "drover pause shop/web --for 1h",
                [pause, &session] { return Pause(session, *pause); });
  verb->add_option("SERVICE", pause->services, "services")->required()->type_name("");
  verb->add_option("--for", pause->duration, "until then (until resumed)")->type_name("DURATION");
  verb->add_flag("--down-only", pause->down_only, "it may still grow");
  verb->add_option("--message", pause->message, "why, for the history")->type_name("TEXT");

  auto resume = std::make_shared<PauseFlags>();
  verb = verbs.Add("resume", "scale a paused or held service again", "drover resume shop/web",
                   [resume, &session] { return Resume(session, *resume); });
  verb->add_option("SERVICE", resume->services, "services")->required()->type_name("");
  verb->add_option("--message", resume->message, "why, for the history")->type_name("TEXT");
}

}  // namespace

void AddServiceVerbs(Verbs verbs) {
  Session& session = verbs.session();
  auto ps = std::make_shared<ListFlags>();
  CLI::App* verb = verbs.Add("ps", "list replicas and where they run", "drover ps shop/web",
                             [ps, &session] { return Ps(session, *ps); });
  verb->add_option("SERVICE", ps->service, "only this service")->type_name("");
  verb->add_option("-p,--project-name", ps->stack, "only this stack")->type_name("STACK");
  verb->add_flag("-a,--all", ps->all, "also those that failed and are gone, with their last words");
  AddOutputOption(verb, &ps->json);

  auto ls_json = std::make_shared<bool>(false);
  verb = verbs.Add("ls", "list stacks and their services", "drover ls",
                   [ls_json, &session] { return Ls(session, *ls_json); });
  AddOutputOption(verb, ls_json.get());

  auto scale = std::make_shared<ScaleFlags>();
  verb = verbs.Add("scale", "set the number of replicas", "drover scale shop/web=5 --hold 2h",
                   [scale, &session] { return Scale(session, *scale); });
  verb->add_option("SERVICE=N", scale->targets, "services and counts")->required()->type_name("");
  auto* hold =
      verb->add_option("--hold", scale->hold, "keep the autoscaler off for so long")->type_name("DURATION");
  verb->add_flag("--forever", scale->forever, "keep the autoscaler off until `resume`")->excludes(hold);
  verb->add_option("--message", scale->message, "why, for the history")->type_name("TEXT");
  AddPauseVerbs(verbs);
  AddPushVerb(verbs);
}

}  // namespace drover::cli
