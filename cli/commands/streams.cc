// events, logs, exec: what the controller sends piece by piece.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>
#include <memory>
#include <mutex>
#include <ostream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "cli/commands/text.h"
#include "cli/session.h"

namespace drover::cli {
namespace {

struct EventFlags {
  std::string service;
  std::string stack;
  bool watch = false;
  std::string since;
  std::vector<std::string> types;
  size_t limit = 100;
  bool json = false;
};

class EventPrinter {
 public:
  EventPrinter(const Session& session, const EventFlags& flags, absl::Time since)
      : session_(session), flags_(flags), since_(since) {}

  void Print(const v1::Event& event) {
    if (event.id() != 0 && event.id() <= last_id_) {
      return;
    }
    last_id_ = std::max(last_id_, event.id());
    if (!Wanted(event)) {
      return;
    }
    if (flags_.json) {
      session_.PrintJson(event);
    } else {
      session_.out() << EventText(event, session_.color()) << "\n";
    }
    session_.out().flush();
  }

  bool Wanted(const v1::Event& event) const {
    const bool type = flags_.types.empty() ||
                      std::find(flags_.types.begin(), flags_.types.end(), event.type()) != flags_.types.end();
    return type && FromProto(event.at()) >= since_;
  }

  uint64_t last_id() const { return last_id_; }

 private:
  const Session& session_;
  const EventFlags& flags_;
  absl::Time since_;
  uint64_t last_id_ = 0;
};

int Follow(const Session& session, const std::string& path, EventPrinter& printer) {
  const std::string resume = printer.last_id() == 0 ? "" : absl::StrCat(printer.last_id());
  const absl::Status status = session.client().Stream(
      {.path = path, .body = nullptr, .last_event_id = resume}, [&](const std::string& data) {
        v1::Event event;
        if (FromJson(data, &event).ok()) {
          printer.Print(event);
        }
        return session.out().good();
      });
  return status.ok() ? kOk : session.Fail(status);
}

int Events(const Session& session, const EventFlags& flags) {
  absl::Time since = absl::InfinitePast();
  if (!flags.since.empty()) {
    const auto duration = ParseFlagDuration("--since", flags.since);
    if (!duration.ok()) {
      return session.Fail(duration.status());
    }
    since = absl::Now() - *duration;
  }
  ServiceName name{.stack = flags.stack, .service = ""};
  if (!flags.service.empty()) {
    const auto found = FindService(session, flags.service);
    if (!found.ok()) {
      return session.Fail(found.status());
    }
    name = *found;
  }
  const std::vector<std::pair<std::string, std::string>> filter = {{"stack", name.stack},
                                                                   {"service", name.service}};
  auto limited = filter;
  limited.push_back({"limit", absl::StrCat(flags.since.empty() ? flags.limit : 10'000)});
  v1::ListEventsResponse response;
  if (absl::Status status = session.client().Get(absl::StrCat("/v1/events", Query(limited)), &response);
      !status.ok()) {
    return session.Fail(status);
  }
  EventPrinter printer(session, flags, since);
  if (flags.json && !flags.watch) {
    v1::ListEventsResponse wanted;
    std::copy_if(response.events().begin(), response.events().end(),
                 google::protobuf::RepeatedFieldBackInserter(wanted.mutable_events()),
                 [&](const v1::Event& event) { return printer.Wanted(event); });
    session.PrintJson(wanted);
    return kOk;
  }
  for (const v1::Event& event : response.events()) {
    printer.Print(event);
  }
  return flags.watch ? Follow(session, absl::StrCat("/v1/events", Query(filter)), printer) : kOk;
}

// What people name: a replica by name or id, else a service.
struct Target {
  ServiceName service;
  std::string replica;  // id; empty: the service
};

absl::StatusOr<Target> FindTarget(const Session& session, const std::string& text,
                                  v1::ListReplicasResponse* replicas) {
  if (replicas->replicas().empty()) {
    if (absl::Status status = session.client().Get("/v1/replicas", replicas); !status.ok()) {
      return status;
    }
  }
  for (const v1::Replica& replica : replicas->replicas()) {
    if (replica.name() == text || replica.id() == text) {
      return Target{.service = {.stack = replica.stack(), .service = replica.service()},
                    .replica = replica.id()};
    }
  }
  const auto service = FindService(session, text);
  if (absl::IsNotFound(service.status())) {
    return absl::NotFoundError(
        absl::StrCat("no replica and no service is named \"", text, "\"; `drover ps` shows them"));
  }
  if (!service.ok()) {
    return service.status();
  }
  return Target{.service = *service, .replica = ""};
}

struct LogFlags {
  std::vector<std::string> targets;
  std::string stack;
  bool follow = false;
  std::string tail = "100";
  bool timestamps = false;
};

// Lines of several replicas on one output.
class LogPrinter {
 public:
  explicit LogPrinter(const Session& session) : session_(session) {}

  bool Print(const v1::LogLine& line) {
    static const Color kColors[] = {Color::kCyan, Color::kGreen, Color::kYellow, Color::kBold};
    const std::lock_guard<std::mutex> lock(mutex_);
    width_ = std::max(width_, line.replica_name().size());
    std::string prefix = line.replica_name();
    prefix.resize(width_, ' ');
    const size_t pick = std::hash<std::string>()(line.replica_name()) % std::size(kColors);
    absl::StrAppend(&prefix, " |");
    std::ostream& out = line.error().empty() ? session_.out() : session_.err();
    out << Paint(prefix, kColors[pick], session_.color()) << " "
        << (line.error().empty() ? line.text() : absl::StrCat("no more lines: ", line.error())) << "\n";
    out.flush();
    return session_.out().good();
  }

 private:
  const Session& session_;
  std::mutex mutex_;
  size_t width_ = 0;
};

int Logs(const Session& session, const LogFlags& flags) {
  std::vector<std::string> paths;
  v1::ListReplicasResponse replicas;
  auto add = [&](const std::string& stack, const std::string& service, const std::string& replica) {
    paths.push_back(absl::StrCat("/v1/logs", Query({{"stack", stack},
                                                    {"service", service},
                                                    {"replica", replica},
                                                    {"follow", flags.follow ? "true" : ""},
                                                    {"tail", flags.tail == "all" ? "" : flags.tail},
                                                    {"timestamps", flags.timestamps ? "true" : ""}})));
  };
  for (const std::string& text : flags.targets) {
    const auto target = FindTarget(session, text, &replicas);
    if (!target.ok()) {
      return session.Fail(target.status());
    }
    add(target->service.stack, target->service.service, target->replica);
  }
  if (flags.targets.empty()) {
    add(flags.stack, "", "");
  }
  LogPrinter printer(session);
  std::vector<absl::Status> statuses(paths.size());
  auto read = [&](size_t i) {
    statuses[i] = session.client().Stream({.path = paths[i], .body = nullptr, .last_event_id = ""},
                                          [&](const std::string& data) {
                                            v1::LogLine line;
                                            return !FromJson(data, &line).ok() || printer.Print(line);
                                          });
  };
  if (flags.follow) {
    std::vector<std::thread> threads;
    for (size_t i = 0; i < paths.size(); ++i) {
      threads.emplace_back(read, i);
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  } else {
    for (size_t i = 0; i < paths.size(); ++i) {
      read(i);
    }
  }
  int worst = kOk;
  for (const absl::Status& status : statuses) {
    worst = std::max(worst, status.ok() ? static_cast<int>(kOk) : session.Fail(status));
  }
  return worst;
}

struct ExecFlags {
  std::string target;
  std::vector<std::string> command;
  std::vector<std::string> environment;
  std::string user;
  std::string working_dir;
  bool interactive = false;
};

// The replica that a command runs in: the one named, or a ready one of the service.
absl::StatusOr<std::string> PickReplica(const Session& session, const std::string& text) {
  v1::ListReplicasResponse replicas;
  const auto target = FindTarget(session, text, &replicas);
  if (!target.ok()) {
    return target.status();
  }
  if (!target->replica.empty()) {
    return target->replica;
  }
  for (const v1::ReplicaState wanted : {v1::READY, v1::RUNNING}) {
    for (const v1::Replica& replica : replicas.replicas()) {
      if (replica.stack() == target->service.stack && replica.service() == target->service.service &&
          replica.state() == wanted) {
        return replica.id();
      }
    }
  }
  return absl::FailedPreconditionError(absl::StrCat("no replica of ", target->service.stack, "/",
                                                    target->service.service, " is running; `drover ps ", text,
                                                    "` shows why"));
}

int Exec(const Session& session, const ExecFlags& flags) {
  std::vector<std::string> words = flags.command;
  words.insert(words.end(), session.rest().begin(), session.rest().end());
  if (words.empty()) {
    return session.Fail(
        "no command is given; write it after --, for example `drover exec shop/web -- ls -l`");
  }
  const auto replica = PickReplica(session, flags.target);
  if (!replica.ok()) {
    return session.Fail(replica.status());
  }
  v1::ExecCommand command;
  command.set_replica_id(*replica);
  command.mutable_command()->Assign(words.begin(), words.end());
  command.mutable_environment()->Assign(flags.environment.begin(), flags.environment.end());
  command.set_user(flags.user);
  command.set_working_dir(flags.working_dir);
  if (flags.interactive) {
    command.set_stdin(std::string(std::istreambuf_iterator<char>(*session.io().in), {}));
  }
  std::optional<int> exit_code;
  std::string error;
  const absl::Status status = session.client().Stream(
      {.path = "/v1/exec", .body = &command, .last_event_id = ""}, [&](const std::string& data) {
        v1::ExecOutput output;
        if (!FromJson(data, &output).ok()) {
          return true;
        }
        (output.source() == 2 ? session.err() : session.out()) << output.data() << std::flush;
        if (!output.error().empty()) {
          error = output.error();
        }
        if (output.end()) {
          exit_code = output.exit_code();
        }
        return !output.end();
      });
  if (!status.ok()) {
    return session.Fail(status);
  }
  if (!error.empty()) {
    return session.Fail(error);
  }
  return exit_code ? *exit_code
                   : session.Fail("the connection ended before the command did; its exit code is unknown");
}

void AddExec(Verbs& verbs) {
  Session& session = verbs.session();
  auto exec = std::make_shared<ExecFlags>();
  CLI::App* verb =
      verbs.Add("exec", "run a command in a replica; its exit code is passed on",
                "drover exec shop/web -- ls -l /srv", [exec, &session] { return Exec(session, *exec); });
  verb->add_option("TARGET", exec->target, "a replica, or a service (any ready replica of it)")
      ->required()
      ->type_name("");
  verb->add_option("COMMAND", exec->command, "after --, the command and its arguments")->type_name("");
  verb->add_option("-e,--env", exec->environment, "NAME=value for the command")
      ->expected(1)
      ->take_all()
      ->allow_extra_args(false)  // else the words after it are values, too
      ->type_name("ENV");
  verb->add_option("-u,--user", exec->user, "user in the container")->type_name("USER");
  verb->add_option("-w,--workdir", exec->working_dir, "directory in the container")->type_name("DIR");
  verb->add_flag("-i,--interactive", exec->interactive, "send standard input, read to its end first");
}

}  // namespace

void AddStreamVerbs(Verbs verbs) {
  Session& session = verbs.session();
  auto events = std::make_shared<EventFlags>();
  CLI::App* verb = verbs.Add("events", "list what happened and what was decided", "drover events shop/web -w",
                             [events, &session] { return Events(session, *events); });
  verb->add_option("SERVICE", events->service, "only this service")->type_name("");
  verb->add_option("-p,--project-name", events->stack, "only this stack")->type_name("STACK");
  verb->add_flag("-w,--watch", events->watch, "go on with new ones");
  verb->add_option("--since", events->since, "not older than this")->type_name("DURATION");
  verb->add_option("--type", events->types, "decision, replica, node, stack, edge, stop, signal or operator")
      ->delimiter(',')
      ->check(CLI::IsMember({"decision", "replica", "node", "stack", "edge", "stop", "signal", "operator"}))
      ->type_name("TYPE");
  verb->add_option("-n,--limit", events->limit, "the last so many (100)")->type_name("N");
  AddOutputOption(verb, &events->json);

  auto logs = std::make_shared<LogFlags>();
  verb = verbs.Add("logs", "print what replicas wrote", "drover logs shop/web -f --tail 20",
                   [logs, &session] { return Logs(session, *logs); });
  verb->add_option("TARGET", logs->targets, "services or replicas (all of the stack)")->type_name("");
  verb->add_option("-p,--project-name", logs->stack, "the stack")->type_name("STACK");
  verb->add_flag("-f,--follow", logs->follow, "go on with new lines, also of replicas that start later");
  verb->add_option("-n,--tail", logs->tail, "the last so many lines of each replica, or all (100)")
      ->type_name("N");
  verb->add_flag("-t,--timestamps", logs->timestamps, "with the time of each line");
  AddExec(verbs);
}

}  // namespace drover::cli
