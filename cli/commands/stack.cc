// up, plan, down, config: from a Compose file to the controller.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/commands/wait.h"
#include "cli/session.h"
#include "compose/compose.h"

namespace drover::cli {
namespace {

struct ComposeFlags {
  std::vector<std::string> files;
  std::vector<std::string> env_files;
  std::vector<std::string> profiles;
  std::string project;
};

void AddComposeOptions(CLI::App* verb, ComposeFlags* flags) {
  verb->add_option("-f,--file", flags->files,
                   "Compose file; several are merged (compose.yaml and its override)")
      ->expected(1)
      ->take_all()
      ->type_name("FILE");
  verb->add_option("-p,--project-name", flags->project, "name of the stack")->type_name("STACK");
  verb->add_option("--env-file", flags->env_files, "variables (.env beside the Compose file)")
      ->expected(1)
      ->take_all()
      ->type_name("FILE");
  verb->add_option("--profile", flags->profiles, "profile to turn on")
      ->expected(1)
      ->take_all()
      ->type_name("NAME");
}

void PrintFaults(const Session& session, const std::vector<compose::Fault>& faults) {
  for (const compose::Fault& fault : faults) {
    session.err() << Paint(compose::ToString(fault), fault.warning ? Color::kYellow : Color::kRed,
                           session.color())
                  << "\n";
  }
}

// The loaded file, or nullopt after printing every fault. `deploy`: also what stops only `up`.
std::optional<compose::Loaded> LoadFile(const Session& session, const ComposeFlags& flags, bool deploy) {
  compose::LoadOptions options;
  options.files = flags.files;
  options.env_files = flags.env_files;
  options.profiles = flags.profiles;
  options.project_name = flags.project;
  options.environment = session.io().environment;
  options.working_dir = session.io().working_dir;
  compose::LoadResult result = compose::Load(options);
  if (const auto* refused = std::get_if<compose::Refused>(&result)) {
    PrintFaults(session, refused->warnings);
    PrintFaults(session, refused->faults);
    return std::nullopt;
  }
  auto& loaded = std::get<compose::Loaded>(result);
  PrintFaults(session, loaded.warnings);
  if (deploy && !loaded.deploy_faults.empty()) {
    PrintFaults(session, loaded.deploy_faults);
    return std::nullopt;
  }
  return std::move(loaded);
}

absl::Status Apply(const Session& session, const compose::Loaded& loaded, bool dry_run,
                   const std::string& message, v1::ApplyStackResponse* response) {
  v1::ApplyStackRequest request;
  *request.mutable_spec() = loaded.spec;
  request.set_dry_run(dry_run);
  request.set_message(message);
  for (const compose::Fault& warning : loaded.warnings) {
    request.add_warnings(compose::ToString(warning));
  }
  return session.client().Send("PUT", absl::StrCat("/v1/stacks/", loaded.spec.name()), &request, response);
}

std::string ActionText(v1::PlanChange::Action action, bool color) {
  switch (action) {
    case v1::PlanChange::CREATE:
      return Paint("+ create ", Color::kGreen, color);
    case v1::PlanChange::REPLACE:
      return Paint("~ replace", Color::kYellow, color);
    case v1::PlanChange::UPDATE:
      return Paint("~ update ", Color::kCyan, color);
    case v1::PlanChange::REMOVE:
      return Paint("- remove ", Color::kRed, color);
    default:
      return "? change ";
  }
}

// Listeners first, because they open ports (R8.2).
void PrintPlan(const Session& session, const v1::ApplyStackResponse& response) {
  const v1::Plan& plan = response.plan();
  for (const std::string& warning : response.warnings()) {
    session.err() << Paint(absl::StrCat("warning: ", warning), Color::kYellow, session.color()) << "\n";
  }
  if (plan.changes().empty()) {
    session.out() << "nothing changes\n";
    return;
  }
  if (!plan.listeners().empty()) {
    Table table({{"LISTENS"}, {"LEADS TO"}, {"ON"}}, session.color());
    for (const v1::PlanListener& listener : plan.listeners()) {
      table.AddRow({listener.address(), listener.target(), listener.where()});
    }
    session.out() << table.ToText() << "\n";
  }
  for (const v1::PlanChange& change : plan.changes()) {
    session.out() << ActionText(change.action(), session.color()) << " " << change.service() << "\n";
    for (const std::string& detail : change.details()) {
      session.out() << "    " << detail << "\n";
    }
  }
}

struct UpFlags {
  ComposeFlags compose;
  bool detach = false;
  bool wait = false;
  std::string timeout;
  std::string message;
};

absl::StatusOr<absl::Duration> TimeoutOf(const std::string& text) {
  return text.empty() ? absl::InfiniteDuration() : ParseFlagDuration("--timeout", text);
}

int Up(const Session& session, const UpFlags& flags) {
  const auto timeout = TimeoutOf(flags.timeout);
  if (!timeout.ok()) {
    return session.Fail(timeout.status());
  }
  const auto loaded = LoadFile(session, flags.compose, true);
  if (!loaded) {
    return kError;
  }
  v1::ApplyStackResponse response;
  if (absl::Status status = Apply(session, *loaded, false, flags.message, &response); !status.ok()) {
    return session.Fail(status);
  }
  PrintPlan(session, response);
  if (flags.detach && !flags.wait) {
    return kOk;
  }
  return WaitUntilConverged(
      session, {.stack = loaded->spec.name(), .revision = response.revision(), .timeout = *timeout});
}

int PlanVerb(const Session& session, const ComposeFlags& flags, bool json) {
  const auto loaded = LoadFile(session, flags, true);
  if (!loaded) {
    return kError;
  }
  v1::ApplyStackResponse response;
  if (absl::Status status = Apply(session, *loaded, true, "", &response); !status.ok()) {
    return session.Fail(status);
  }
  if (json) {
    session.PrintJson(response);
  } else {
    PrintPlan(session, response);
  }
  return response.plan().changes().empty() ? kOk : kPlanHasChanges;
}

struct DownFlags {
  ComposeFlags compose;
  bool volumes = false;
  bool detach = false;
  std::string timeout;
  std::string message;
};

int Down(const Session& session, const DownFlags& flags) {
  const auto timeout = TimeoutOf(flags.timeout);
  if (!timeout.ok()) {
    return session.Fail(timeout.status());
  }
  std::string stack = flags.compose.project;
  if (stack.empty()) {
    const auto loaded = LoadFile(session, flags.compose, false);
    if (!loaded) {
      return kError;
    }
    stack = loaded->spec.name();
  }
  v1::ChangeResponse response;
  const std::string path = absl::StrCat(
      "/v1/stacks/", stack, Query({{"volumes", flags.volumes ? "true" : ""}, {"message", flags.message}}));
  if (absl::Status status = session.client().Send("DELETE", path, nullptr, &response); !status.ok()) {
    return session.Fail(status);
  }
  if (!response.message().empty()) {
    session.out() << response.message() << "\n";
  }
  return flags.detach ? kOk : WaitUntilGone(session, {.stack = stack, .revision = 0, .timeout = *timeout});
}

int Config(const Session& session, const ComposeFlags& flags, bool json) {
  const auto loaded = LoadFile(session, flags, false);
  if (!loaded) {
    return kError;
  }
  for (compose::Fault fault : loaded->deploy_faults) {
    fault.warning = true;
    fault.message = absl::StrCat("`up` is refused: ", fault.message);
    PrintFaults(session, {fault});
  }
  session.out() << (json ? compose::NormalisedJson(loaded->spec) : compose::NormalisedYaml(loaded->spec));
  return kOk;
}

}  // namespace

void AddStackVerbs(Verbs verbs) {
  Session& session = verbs.session();

  auto up = std::make_shared<UpFlags>();
  CLI::App* verb =
      verbs.Add("up", "bring a stack to what its Compose file says, and wait",
                "drover up -f compose.yaml --wait --timeout 2m", [up, &session] { return Up(session, *up); });
  AddComposeOptions(verb, &up->compose);
  verb->add_flag("-d,--detach", up->detach, "do not wait");
  verb->add_flag("--wait", up->wait, "wait also with -d; exit code 4 when --timeout is over");
  verb->add_option("--timeout", up->timeout, "how long to wait (for ever)")->type_name("DURATION");
  verb->add_option("--message", up->message, "why, for the history")->type_name("TEXT");

  auto plan = std::make_shared<ComposeFlags>();
  auto plan_json = std::make_shared<bool>(false);
  verb = verbs.Add("plan", "show what `up` would do; exit code 0 nothing, 2 changes",
                   "drover plan -f compose.yaml",
                   [plan, plan_json, &session] { return PlanVerb(session, *plan, *plan_json); });
  AddComposeOptions(verb, plan.get());
  AddOutputOption(verb, plan_json.get());

  auto down = std::make_shared<DownFlags>();
  verb = verbs.Add("down", "stop and remove a stack, and wait until it is gone", "drover down -p shop",
                   [down, &session] { return Down(session, *down); });
  AddComposeOptions(verb, &down->compose);
  verb->add_flag("-v,--volumes", down->volumes, "remove its volumes too: their data is lost");
  verb->add_flag("-d,--detach", down->detach, "do not wait");
  verb->add_option("--timeout", down->timeout, "how long to wait (for ever)")->type_name("DURATION");
  verb->add_option("--message", down->message, "why, for the history")->type_name("TEXT");

  auto config = std::make_shared<ComposeFlags>();
  auto config_json = std::make_shared<bool>(false);
  verb = verbs.Add("config", "check a Compose file and print what Drover makes of it; needs no controller",
                   "drover config -f compose.yaml -o json",
                   [config, config_json, &session] { return Config(session, *config, *config_json); });
  AddComposeOptions(verb, config.get());
  AddOutputOption(verb, config_json.get());
}

}  // namespace drover::cli
