// simulate: replays load traces under scaling policies, on this machine alone.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <mutex>
#include <ostream>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "cli/session.h"
#include "cli/table.h"
#include "common/status.h"
#include "compose/compose.h"
#include "compose/files.h"
#include "controller/runtime/convert.h"
#include "simulate/experiment.h"
#include "simulate/report.h"

namespace drover::cli {
namespace {

using simulate::Comparison;
using simulate::JobLength;
using simulate::PolicyChoice;
using simulate::Result;
using simulate::TraceParams;

struct Flags {
  std::vector<std::string> traces;
  std::string params;
  std::string service_time;
  std::string slo;
  int64_t thin = 1;
  std::string startup = "5:15";
  std::vector<uint64_t> seeds;
  std::vector<std::string> policies;
  std::vector<double> targets;
  std::string job_length = "exponential";
  std::string queue_tells = "counters";
  std::string fail_starts;
  bool job_length_doubles = false;
  bool seeded = false;
  double spike = 1;
  int64_t min = 1;
  int64_t max = 2000;
  std::string output = "table";
};

std::string Resolved(const Session& session, const std::string& path) {
  return (std::filesystem::path(session.io().working_dir) / path).string();
}

// "5", "5s", "500ms": seconds.
absl::StatusOr<double> ParseSeconds(absl::string_view flag, const std::string& text) {
  double number = 0;
  if (absl::SimpleAtod(text, &number)) {
    return number;
  }
  ASSIGN_OR_RETURN(const absl::Duration duration, ParseFlagDuration(flag, text));
  return absl::ToDoubleSeconds(duration);
}

absl::StatusOr<TraceParams> ParamsOf(const Session& session, const Flags& flags, const std::string& file,
                                     const std::string& name) {
  if (!flags.service_time.empty()) {
    TraceParams params{.service_s = 0, .thin = flags.thin, .slo_wait_s = 0};
    ASSIGN_OR_RETURN(params.service_s, ParseSeconds("--service-time", flags.service_time));
    // The rule of the traces that come with parameters: a job's own length, from 1 s to 30 s.
    params.slo_wait_s = std::clamp(params.job_s(), 1.0, 30.0);
    if (!flags.slo.empty()) {
      ASSIGN_OR_RETURN(params.slo_wait_s, ParseSeconds("--slo", flags.slo));
    }
    if (params.service_s <= 0 || params.thin < 1 || params.slo_wait_s < 0) {
      return absl::InvalidArgumentError(
          "--service-time must be more than 0, --thin at least 1, --slo at least 0");
    }
    return params;
  }
  const std::string beside = (std::filesystem::path(file).parent_path() / "params.csv").string();
  if (flags.params.empty() && !std::filesystem::exists(beside)) {
    return absl::InvalidArgumentError(
        absl::StrCat("no parameters for ", name, ": there is no ", beside,
                     "; give --params FILE, or --service-time SECONDS (and --thin, --slo)"));
  }
  const std::string params_file = flags.params.empty() ? beside : Resolved(session, flags.params);
  ASSIGN_OR_RETURN(const auto all, simulate::ReadParams(params_file));
  auto it = all.find(name);
  if (it == all.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat(params_file, ": no line for ", name, "; add one, or give --service-time SECONDS"));
  }
  return it->second;
}

absl::Status ReadInputs(const Session& session, const Flags& flags, Comparison& comparison) {
  for (const std::string& trace : flags.traces) {
    const std::string file = Resolved(session, trace);
    ASSIGN_OR_RETURN(simulate::Trace read, simulate::ReadTrace(file));
    ASSIGN_OR_RETURN(const TraceParams params, ParamsOf(session, flags, file, read.name));
    comparison.inputs.push_back({.trace = std::move(read), .params = params});
  }
  return absl::OkStatus();
}

absl::Status ReadSetting(const Flags& flags, simulate::Setting& setting) {
  if (!(flags.spike >= 0)) {
    return absl::InvalidArgumentError("--spike must be 0 or more");
  }
  const std::vector<std::string> ends = absl::StrSplit(flags.startup, ':');
  if (ends.size() != 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("--startup is \"", flags.startup, "\"; write shortest:longest, for example 5:15"));
  }
  ASSIGN_OR_RETURN(setting.startup_low_s, ParseSeconds("--startup", ends[0]));
  ASSIGN_OR_RETURN(setting.startup_high_s, ParseSeconds("--startup", ends[1]));
  if (setting.startup_low_s < 0 || setting.startup_high_s < setting.startup_low_s) {
    return absl::InvalidArgumentError(
        absl::StrCat("--startup is \"", flags.startup, "\"; the shortest comes first, and is at least 0"));
  }
  setting.job_length = flags.job_length == "deterministic" ? JobLength::kDeterministic
                       : flags.job_length == "lognormal"   ? JobLength::kLogNormal
                                                           : JobLength::kExponential;
  setting.tells = flags.queue_tells == "waiting" ? simulate::QueueTells::kWaiting
                  : flags.queue_tells == "held"  ? simulate::QueueTells::kHeld
                                                 : simulate::QueueTells::kCounters;
  setting.job_length_doubles = flags.job_length_doubles;
  setting.spike = flags.spike;
  setting.min = flags.min;
  setting.max = flags.max;
  if (setting.min < 0 || setting.max < std::max<int64_t>(setting.min, 1)) {
    return absl::InvalidArgumentError(absl::StrCat("--min ", flags.min, " --max ", flags.max,
                                                   ": write 0 or more, and a max that is not below min"));
  }
  if (!flags.fail_starts.empty()) {
    const std::string number(absl::StripSuffix(flags.fail_starts, "%"));
    double percent = 0;
    if (!absl::SimpleAtod(number, &percent) || percent < 0 || percent >= 100) {
      return absl::InvalidArgumentError(absl::StrCat("--fail-starts is \"", flags.fail_starts,
                                                     "\"; write a percentage below 100, for example 10%"));
    }
    setting.failing_starts = percent / 100;
  }
  return absl::OkStatus();
}

bool IsPolicyName(const std::string& name) {
  const auto& all = simulate::Policies();
  return std::any_of(all.begin(), all.end(), [&](const auto& info) { return info.name == name; });
}

// A service's own declaration: FILE.yaml.
absl::Status ReadPolicyFile(const Session& session, const std::string& name, PolicyChoice& choice) {
  const std::string file = Resolved(session, name);
  const absl::StatusOr<std::string> text = compose::ReadWholeFile(file);
  RETURN_IF_ERROR(Annotate(text.status(), name));
  ASSIGN_OR_RETURN(const v1::AutoscaleSpec spec, compose::ReadAutoscaleFile(*text, name));
  choice.spec = controller::ToCore(spec);
  choice.name = std::filesystem::path(name).filename().string();
  return absl::OkStatus();
}

absl::Status ReadPolicies(const Session& session, const Flags& flags, Comparison& comparison) {
  for (const std::string& name : flags.policies) {
    PolicyChoice choice;
    choice.name = name;
    choice.seeded = flags.seeded;
    const bool file = absl::StrContains(name, '/') || absl::StrContains(name, '.');
    if (!IsPolicyName(name) && file) {
      RETURN_IF_ERROR(ReadPolicyFile(session, name, choice));
    } else if (!IsPolicyName(name)) {
      return simulate::UnknownPolicy(name);
    }
    if (flags.targets.empty() || choice.spec) {
      comparison.policies.push_back(choice);
      continue;
    }
    for (const double target : flags.targets) {
      if (!(target > 0)) {
        return absl::InvalidArgumentError(absl::StrCat("--target must be more than 0, was ", target));
      }
      choice.target = target;
      comparison.policies.push_back(choice);
    }
  }
  return absl::OkStatus();
}

void PrintTable(const Session& session, const std::vector<Result>& results) {
  std::vector<Table::Column> columns;
  for (const std::string& title : simulate::SummaryTitles()) {
    const bool name = title == "TRACE" || title == "POLICY";
    columns.push_back({.title = title, .align = name ? Table::Align::kLeft : Table::Align::kRight});
  }
  Table table(columns, session.color());
  for (std::vector<std::string>& row : simulate::SummaryRows(simulate::Summarise(results))) {
    table.AddRow(std::move(row));
  }
  session.out() << table.ToText();
}

// One line on the terminal that says how far it is; nothing where errors do not go to a terminal.
class ProgressLine {
 public:
  explicit ProgressLine(const Session& session)
      : session_(session), on_(&session.err() == &std::cerr && isatty(STDERR_FILENO) != 0) {}

  ~ProgressLine() {
    if (shown_) {
      session_.err() << "\r\033[K";
    }
  }

  void Show(size_t done, size_t all, double share) {
    const std::scoped_lock lock(mutex_);
    const absl::Time now = absl::Now();
    if (!on_ || now - last_ < absl::Milliseconds(200)) {
      return;
    }
    last_ = now;
    shown_ = true;
    session_.err() << absl::StrFormat("\r%d of %d runs, %d %% of the next", done, all,
                                      static_cast<int>(share * 100))
                   << "\033[K" << std::flush;
  }

 private:
  const Session& session_;
  bool on_;
  bool shown_ = false;
  std::mutex mutex_;
  absl::Time last_ = absl::Now();
};

int Simulate(const Session& session, const Flags& flags) {
  Comparison comparison;
  for (const absl::Status& status :
       {ReadSetting(flags, comparison.setting), ReadPolicies(session, flags, comparison),
        ReadInputs(session, flags, comparison)}) {
    if (!status.ok()) {
      return session.Fail(status);
    }
  }
  comparison.seeds = flags.seeds.empty() ? std::vector<uint64_t>{1} : flags.seeds;
  comparison.keep_runs = flags.output == "html";
  comparison.threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  absl::StatusOr<std::vector<Result>> results;
  {
    ProgressLine line(session);
    comparison.progress = [&](size_t done, size_t all, double share) { line.Show(done, all, share); };
    results = simulate::Compare(comparison);
  }
  if (!results.ok()) {
    return session.Fail(results.status());
  }
  if (flags.output == "json") {
    session.out() << simulate::ToJson(*results);
  } else if (flags.output == "html") {
    session.out() << simulate::ToHtml(*results);
  } else {
    PrintTable(session, *results);
  }
  return kOk;
}

}  // namespace

void AddSimulateVerb(Verbs verbs) {
  auto flags = std::make_shared<Flags>();
  Session& session = verbs.session();
  CLI::App* verb =
      verbs.Add("simulate", "replay load traces under scaling policies, without a cluster",
                "drover simulate --trace friday.csv --service-time 2s --slo 5s --policy drover,hpa",
                [flags, &session] { return Simulate(session, *flags); });
  verb->add_option("--trace", flags->traces, "load, as t_seconds,arrivals; several are compared")
      ->required()
      ->delimiter(',')
      ->type_name("FILE");
  verb->add_option("--params", flags->params, "parameters by trace (params.csv beside the trace)")
      ->type_name("FILE");
  auto* service_time = verb->add_option("--service-time", flags->service_time,
                                        "mean length of one counted request, instead of --params")
                           ->type_name("SECONDS");
  verb->add_option("--thin", flags->thin, "one job stands for this many requests")
      ->needs(service_time)
      ->type_name("N");
  verb->add_option("--slo", flags->slo, "a job that waits longer is late (its length, 1 s to 30 s)")
      ->needs(service_time)
      ->type_name("SECONDS");
  verb->add_option("--startup", flags->startup, "start-up delay of a replica, uniform between two (5:15)")
      ->type_name("LOW:HIGH");
  verb->add_option("--seed", flags->seeds, "of the pseudo-random draws (1); several are compared")
      ->delimiter(',')
      ->type_name("N");
  verb->add_option("--policy", flags->policies, "several are compared")
      ->required()
      ->delimiter(',')
      ->type_name("NAME|FILE");
  verb->add_option("--target", flags->targets, "the policy's main parameter; several are compared")
      ->delimiter(',')
      ->type_name("X");
  verb->add_option("--min", flags->min, "least replicas (1)")->type_name("N");
  verb->add_option("--max", flags->max, "most replicas (2000)")->type_name("N");
  verb->add_option("--job-length", flags->job_length, "distribution of job lengths")
      ->check(CLI::IsMember({"exponential", "deterministic", "lognormal"}));
  verb->add_option(
          "--queue-tells", flags->queue_tells,
          "what the queue's source knows: jobs waiting (a Redis list), also those held (a stream's group), "
          "also counters of arrivals and completions")
      ->check(CLI::IsMember({"waiting", "held", "counters"}));
  verb->add_flag("--double", flags->job_length_doubles, "jobs are twice as long from the middle on");
  verb->add_flag("--seeded", flags->seeded, "hpa, keda and kpa begin with the first count in their windows");
  verb->add_option("--spike", flags->spike, "this many times the load for 30 minutes from the middle on")
      ->type_name("FACTOR");
  verb->add_option("--fail-starts", flags->fail_starts, "share of starts that fail")->type_name("PERCENT");
  verb->add_option("-o,--output", flags->output, "table, json or html")
      ->check(CLI::IsMember({"table", "text", "json", "html"}))
      ->type_name("FORMAT");
}

}  // namespace drover::cli
