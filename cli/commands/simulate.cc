// simulate: replays load under scaling policies, on this machine alone. Here: traces from files.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/commands/simulate.h"
#include "cli/session.h"
#include "common/status.h"
#include "simulate/report.h"

namespace drover::cli {
namespace {

using simulate::Comparison;
using simulate::Result;
using simulate::TraceParams;

absl::StatusOr<TraceParams> ParamsOf(const Session& session, const SimulateFlags& flags,
                                     const std::string& file, const std::string& name) {
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

absl::Status ReadInputs(const Session& session, const SimulateFlags& flags, Comparison& comparison) {
  for (const std::string& trace : flags.traces) {
    const std::string file = Resolved(session, trace);
    ASSIGN_OR_RETURN(simulate::Trace read, simulate::ReadTrace(file));
    ASSIGN_OR_RETURN(const TraceParams params, ParamsOf(session, flags, file, read.name));
    comparison.inputs.push_back({.trace = std::move(read), .params = params});
  }
  return absl::OkStatus();
}

int SimulateTraces(const Session& session, const SimulateFlags& flags) {
  if (flags.traces.empty()) {
    return session.Fail("--trace is required, or --from STACK/SERVICE for a service's own past");
  }
  if (flags.policies.empty()) {
    return session.Fail("--policy is required with --trace");
  }
  Comparison comparison;
  for (const absl::Status& status :
       {ReadSetting(flags, comparison.setting), ReadPolicies(session, flags, comparison.policies),
        ReadInputs(session, flags, comparison)}) {
    if (!status.ok()) {
      return session.Fail(status);
    }
  }
  const absl::StatusOr<std::vector<Result>> results = RunComparison(session, flags, std::move(comparison));
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
  auto flags = std::make_shared<SimulateFlags>();
  Session& session = verbs.session();
  CLI::App* verb = verbs.Add(
      "simulate", "replay load traces, or a service's own past, under scaling policies",
      "drover simulate --trace friday.csv --service-time 2s --slo 5s --policy drover,hpa", [flags, &session] {
        return flags->from.empty() ? SimulateTraces(session, *flags) : SimulatePast(session, *flags);
      });
  auto* trace =
      verb->add_option("--trace", flags->traces, "load, as t_seconds,arrivals; several are compared")
          ->delimiter(',')
          ->type_name("FILE");
  auto* from =
      verb->add_option("--from", flags->from,
                       "a service's own past: what its policy decided is made again, and with --policy "
                       "compared with others")
          ->excludes(trace)
          ->type_name("STACK/SERVICE");
  verb->add_option("--since", flags->since, "with --from: from then on (24h)")
      ->needs(from)
      ->type_name("TIME|AGO");
  verb->add_option("--params", flags->params, "parameters by trace (params.csv beside the trace)")
      ->needs(trace)
      ->type_name("FILE");
  auto* service_time =
      verb->add_option("--service-time", flags->service_time,
                       "mean length of one counted request, instead of --params or of what was recorded")
          ->type_name("SECONDS");
  verb->add_option("--thin", flags->thin, "one job stands for this many requests")
      ->needs(service_time)
      ->needs(trace)
      ->type_name("N");
  verb->add_option("--slo", flags->slo, "a job that waits longer is late (its length, 1 s to 30 s)")
      ->type_name("SECONDS");
  verb->add_option("--startup", flags->startup,
                   "start-up delay of a replica, uniform between two (5:15, or as recorded)")
      ->type_name("LOW:HIGH");
  verb->add_option("--seed", flags->seeds, "of the pseudo-random draws (1); several are compared")
      ->delimiter(',')
      ->type_name("N");
  verb->add_option("--policy", flags->policies, "several are compared")
      ->delimiter(',')
      ->type_name("NAME|FILE");
  verb->add_option("--target", flags->targets, "the policy's main parameter; several are compared")
      ->delimiter(',')
      ->type_name("X");
  verb->add_option("--min", flags->min, "least replicas (1, or the live policy's)")->type_name("N");
  verb->add_option("--max", flags->max, "most replicas (2000, or the live policy's)")->type_name("N");
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
