#include "cli/session.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compose/read.h"
#include "compose/units.h"

namespace drover::cli {
namespace {

Client::Options ClientOptions(const std::map<std::string, std::string>& environment) {
  Client::Options options;
  auto set = [&](const char* name, std::string* target) {
    auto it = environment.find(name);
    if (it != environment.end() && !it->second.empty()) {
      *target = it->second;
    }
  };
  set("DROVER_ADDR", &options.address);
  set("DROVER_TOKEN", &options.token);
  set("DROVER_CACERT", &options.ca_cert);
  return options;
}

// What to say when the first argument is no verb; empty when it is one.
std::string UnknownVerb(const CLI::App& app, const std::vector<std::string>& arguments) {
  if (arguments.empty() || absl::StartsWith(arguments[0], "-")) {
    return "";
  }
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(verb->get_name());
  }
  if (std::find(names.begin(), names.end(), arguments[0]) != names.end()) {
    return "";
  }
  const std::string near = compose::Nearest(arguments[0], {names.begin(), names.end()});
  return absl::StrCat(
      "there is no verb \"", arguments[0], "\"; ",
      near.empty() ? "`drover --help` lists them" : absl::StrCat("did you mean \"", near, "\"?"));
}

}  // namespace

Session::Session(Io io, std::vector<std::string> rest)
    : io_(std::move(io)), rest_(std::move(rest)), client_(ClientOptions(io_.environment)) {}

int Session::Fail(const absl::Status& status) const { return Fail(status.message()); }

int Session::Fail(absl::string_view message) const {
  err() << "drover: " << message << "\n";
  return kError;
}

void Session::PrintJson(const google::protobuf::Message& message) const {
  const std::string json = ToJson(message);
  out() << json << (!json.empty() && json.back() == '\n' ? "" : "\n");
}

absl::StatusOr<ServiceName> FindService(const Session& session, const std::string& text) {
  if (const size_t slash = text.find('/'); slash != std::string::npos) {
    return ServiceName{.stack = text.substr(0, slash), .service = text.substr(slash + 1)};
  }
  v1::ListServicesResponse response;
  if (absl::Status status = session.client().Get("/v1/services", &response); !status.ok()) {
    return status;
  }
  std::vector<std::string> found;
  for (const v1::Service& service : response.services()) {
    if (service.name() == text) {
      found.push_back(absl::StrCat(service.stack(), "/", service.name()));
    }
  }
  if (found.size() > 1) {
    return absl::FailedPreconditionError(absl::StrCat("several stacks have a service \"", text,
                                                      "\"; name one of ", absl::StrJoin(found, ", ")));
  }
  if (found.empty()) {
    return absl::NotFoundError(absl::StrCat("no stack has a service \"", text, "\"; `drover ls` shows them"));
  }
  return ServiceName{.stack = found[0].substr(0, found[0].find('/')), .service = text};
}

absl::StatusOr<absl::Duration> ParseFlagDuration(absl::string_view flag, const std::string& text) {
  auto duration = compose::ParseDuration(text);
  if (!duration.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(flag, ": ", duration.status().message()));
  }
  return duration;
}

absl::Time FromProto(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

CLI::App* Verbs::Add(const std::string& name, const std::string& text, const std::string& example,
                     std::function<int()> run) {
  CLI::App* verb = app_.add_subcommand(name, text);
  verb->footer("Example:\n  " + example);
  verb->callback([&exit_code = exit_code_, run = std::move(run)] { exit_code = run(); });
  return verb;
}

void AddOutputOption(CLI::App* verb, bool* json) {
  verb->add_option_function<std::string>(
          "-o,--output", [json](const std::string& format) { *json = format == "json"; },
          "json: the API's message, for programs")
      ->check(CLI::IsMember({"json", "text"}))
      ->type_name("json");
}

int Run(const std::vector<std::string>& arguments, Io io) {
  // CLI11 forgets `--` below a verb, so the command of `exec` is taken off first.
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  const bool exec = !arguments.empty() && arguments[0] == "exec" && dashes != arguments.end();
  const auto end = exec ? dashes : arguments.end();
  Session session(std::move(io),
                  exec ? std::vector<std::string>(dashes + 1, arguments.end()) : std::vector<std::string>());
  int exit_code = kOk;
  CLI::App app(
      "Runs Docker workers on many hosts, more of them when there is work and fewer when there is not.",
      "drover");
  app.footer(
      "Environment:\n"
      "  DROVER_ADDR    the controller (http://127.0.0.1:7401)\n"
      "  DROVER_TOKEN   sent as bearer token\n"
      "  DROVER_CACERT  authority of the controller's certificate (not needed with a token of the "
      "cluster)\n\n"
      "A SERVICE is STACK/SERVICE, or SERVICE where only one stack has it. `drover VERB --help` shows an "
      "example.");
  app.require_subcommand(1);
  Verbs verbs(app, session, exit_code);
  AddStackVerbs(verbs);
  AddServiceVerbs(verbs);
  AddWhyVerb(verbs);
  AddStreamVerbs(verbs);
  AddStatsVerbs(verbs);
  AddNodeVerbs(verbs);
  AddAccessVerbs(verbs);
  AddFreezeVerb(verbs);
  AddEdgeVerbs(verbs);
  AddToolVerbs(verbs);
  AddSimulateVerb(verbs);
  AddDevVerb(verbs);
  if (const std::string unknown = UnknownVerb(app, arguments); !unknown.empty()) {
    return session.Fail(unknown);
  }
  std::vector<std::string> reversed(std::make_reverse_iterator(end), arguments.rend());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError& error) {
    const bool help = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success);
    app.exit(error, session.out(), session.err());
    return help ? kOk : kError;
  }
  return exit_code;
}

}  // namespace drover::cli
