#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <ostream>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "cli/commands/simulate.h"
#include "cli/table.h"
#include "common/status.h"
#include "compose/compose.h"
#include "compose/files.h"
#include "controller/runtime/convert.h"
#include "simulate/report.h"

namespace drover::cli {
namespace {

using simulate::Comparison;
using simulate::JobLength;
using simulate::PolicyChoice;
using simulate::Result;

absl::Status ReadStartup(const std::string& text, simulate::Setting& setting) {
  const std::vector<std::string> ends = absl::StrSplit(text, ':');
  if (ends.size() != 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("--startup is \"", text, "\"; write shortest:longest, for example 5:15"));
  }
  ASSIGN_OR_RETURN(setting.startup_low_s, ParseSeconds("--startup", ends[0]));
  ASSIGN_OR_RETURN(setting.startup_high_s, ParseSeconds("--startup", ends[1]));
  if (setting.startup_low_s < 0 || setting.startup_high_s < setting.startup_low_s) {
    return absl::InvalidArgumentError(
        absl::StrCat("--startup is \"", text, "\"; the shortest comes first, and is at least 0"));
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

}  // namespace

std::string Resolved(const Session& session, const std::string& path) {
  return (std::filesystem::path(session.io().working_dir) / path).string();
}

absl::StatusOr<double> ParseSeconds(absl::string_view flag, const std::string& text) {
  double number = 0;
  if (absl::SimpleAtod(text, &number)) {
    return number;
  }
  ASSIGN_OR_RETURN(const absl::Duration duration, ParseFlagDuration(flag, text));
  return absl::ToDoubleSeconds(duration);
}

absl::Status ReadSetting(const SimulateFlags& flags, simulate::Setting& setting) {
  if (!(flags.spike >= 0)) {
    return absl::InvalidArgumentError("--spike must be 0 or more");
  }
  if (!flags.startup.empty()) {
    RETURN_IF_ERROR(ReadStartup(flags.startup, setting));
  }
  setting.job_length = flags.job_length == "deterministic" ? JobLength::kDeterministic
                       : flags.job_length == "lognormal"   ? JobLength::kLogNormal
                                                           : JobLength::kExponential;
  setting.tells = flags.queue_tells == "waiting" ? simulate::QueueTells::kWaiting
                  : flags.queue_tells == "held"  ? simulate::QueueTells::kHeld
                                                 : simulate::QueueTells::kCounters;
  setting.job_length_doubles = flags.job_length_doubles;
  setting.spike = flags.spike;
  setting.min = flags.min.value_or(setting.min);
  setting.max = flags.max.value_or(setting.max);
  if (setting.min < 0 || setting.max < std::max<int64_t>(setting.min, 1)) {
    return absl::InvalidArgumentError(absl::StrCat("--min ", setting.min, " --max ", setting.max,
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

absl::Status ReadPolicies(const Session& session, const SimulateFlags& flags,
                          std::vector<PolicyChoice>& policies) {
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
      policies.push_back(choice);
      continue;
    }
    for (const double target : flags.targets) {
      if (!(target > 0)) {
        return absl::InvalidArgumentError(absl::StrCat("--target must be more than 0, was ", target));
      }
      choice.target = target;
      policies.push_back(choice);
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

absl::StatusOr<std::vector<Result>> RunComparison(const Session& session, const SimulateFlags& flags,
                                                  Comparison comparison) {
  comparison.seeds = flags.seeds.empty() ? std::vector<uint64_t>{1} : flags.seeds;
  comparison.keep_runs = flags.output == "html";
  comparison.threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  ProgressLine line(session);
  comparison.progress = [&](size_t done, size_t all, double share) { line.Show(done, all, share); };
  return simulate::Compare(comparison);
}

}  // namespace drover::cli
