// What all commands share: where they print, whom they ask, how they end. Commands return their exit
// code; tests run them with streams of their own against a server of their own.
#pragma once

#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/client.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "compose/read.h"
#include "drover/v1/api.pb.h"

namespace CLI {
class App;
}  // namespace CLI

namespace drover::cli {

// The surroundings of one run.
struct Io {
  std::istream* in = nullptr;
  std::ostream* out = nullptr;
  std::ostream* err = nullptr;
  bool terminal = false;                           // `out` is a terminal: colours, live output
  std::map<std::string, std::string> environment;  // of the process
  std::string working_dir;
  std::string program_dir;                                 // where `drover` lies
  absl::Duration poll_interval = absl::Milliseconds(300);  // of waiting
};

// Exit codes (design.md §8).
enum ExitCode { kOk = 0, kError = 1, kPlanHasChanges = 2, kTimedOut = 4 };

class Session {
 public:
  // `rest`: what stood after `--`.
  Session(Io io, std::vector<std::string> rest);

  const Io& io() const { return io_; }

  std::ostream& out() const { return *io_.out; }

  std::ostream& err() const { return *io_.err; }

  const Client& client() const { return client_; }

  const std::vector<std::string>& rest() const { return rest_; }

  bool color() const { return io_.terminal && io_.environment.count("NO_COLOR") == 0; }

  // Prints "drover: MESSAGE" to err; kError.
  int Fail(const absl::Status& status) const;
  int Fail(absl::string_view message) const;

  // GET `path` into `message`; with `json` it is printed at once and `print` is not called.
  template <typename Message>
  int Show(const std::string& path, bool json, const std::function<void(const Message&)>& print) const {
    Message message;
    if (absl::Status status = client_.Get(path, &message); !status.ok()) {
      return Fail(status);
    }
    if (json) {
      PrintJson(message);
    } else {
      print(message);
    }
    return kOk;
  }

  void PrintJson(const google::protobuf::Message& message) const;

 private:
  Io io_;
  std::vector<std::string> rest_;
  Client client_;
};

// Stack and service of "STACK/SERVICE" or "SERVICE". A service alone is looked up: NotFound when no
// stack has it, FailedPrecondition when several have it.
struct ServiceName {
  std::string stack;
  std::string service;
};

absl::StatusOr<ServiceName> FindService(const Session& session, const std::string& text);

// "30s", "2h"; InvalidArgument with what would be right.
absl::StatusOr<absl::Duration> ParseFlagDuration(absl::string_view flag, const std::string& text);

using compose::FromProto;
using compose::ToProto;
absl::Time FromProto(const google::protobuf::Timestamp& time);

// One verb: adds its options and, as callback, `run`, whose result becomes the exit code.
class Verbs {
 public:
  Verbs(CLI::App& app, Session& session, int& exit_code)
      : app_(app), session_(session), exit_code_(exit_code) {}

  // `example` is shown by --help.
  CLI::App* Add(const std::string& name, const std::string& text, const std::string& example,
                std::function<int()> run);

  CLI::App& app() { return app_; }

  Session& session() { return session_; }

  // Verbs below `parent` (`node ls`).
  Verbs Below(CLI::App* parent) { return {*parent, session_, exit_code_}; }

 private:
  CLI::App& app_;
  Session& session_;
  int& exit_code_;
};

// `-o json`; `flag` becomes true.
void AddOutputOption(CLI::App* verb, bool* json);

// The groups of verbs, one file each.
void AddStackVerbs(Verbs verbs);    // up, plan, down, config
void AddServiceVerbs(Verbs verbs);  // ps, ls, scale, pause, resume
void AddWhyVerb(Verbs verbs);
void AddStreamVerbs(Verbs verbs);  // events, logs, exec
void AddStatsVerbs(Verbs verbs);   // stats, top
void AddNodeVerbs(Verbs verbs);    // node ls, inspect, cordon, uncordon, drain, maintenance, rm
void AddFreezeVerb(Verbs verbs);
void AddAccessVerbs(Verbs verbs);  // token create, token ls, token rm, audit
void AddEdgeVerbs(Verbs verbs);    // edge snippet, edge check
void AddToolVerbs(Verbs verbs);    // version, completion
void AddSimulateVerb(Verbs verbs);
void AddDevVerb(Verbs verbs);

// Parses `arguments` (without the program's name) and runs the verb. The exit code.
int Run(const std::vector<std::string>& arguments, Io io);

}  // namespace drover::cli
