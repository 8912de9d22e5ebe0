#include "agent/runtime/edge/nginx/attached.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "agent/runtime/edge/fingerprint.h"
#include "agent/runtime/edge/nginx/marker.h"
#include "agent/runtime/edge/program.h"
#include "agent/runtime/edge/wanted_file.h"
#include "common/status.h"

namespace drover::agent {
namespace {

constexpr char kPrefix[] = "drover-";
constexpr char kSuffix[] = ".conf";

bool IsUpstreamName(const std::string& name) {
  return std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
  });
}

// Paths of the files of ours in `dir`.
std::vector<std::string> OwnIncludes(const std::string& dir) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
    const std::string name = entry.path().filename().string();
    if (absl::StartsWith(name, kPrefix) && absl::EndsWith(name, kSuffix)) {
      paths.push_back(entry.path().string());
    }
  }
  return paths;
}

// Upstream of the include file at `path`.
std::string UpstreamOf(const std::string& path) {
  std::string name = std::filesystem::path(path).filename().string();
  name = name.substr(sizeof(kPrefix) - 1);
  return name.substr(0, name.size() - (sizeof(kSuffix) - 1));
}

// Whether `dump` of `nginx -T` has the file, by whatever path its owner includes it.
bool Includes(const std::string& dump, const std::string& path) {
  const std::string name = absl::StrCat("/", std::filesystem::path(path).filename().string(), ":");
  for (const absl::string_view line : absl::StrSplit(dump, '\n')) {
    if (absl::StartsWith(line, "# configuration file ") && absl::EndsWith(line, name)) {
      return true;
    }
  }
  return false;
}

// Whether some line of `dump` names the upstream as where requests go.
bool PassesTo(const std::string& dump, const std::string& upstream) {
  const std::string name = absl::StrCat("://", upstream);
  for (size_t at = dump.find(name); at != std::string::npos; at = dump.find(name, at + 1)) {
    const size_t end = at + name.size();
    if (end == dump.size() || dump[end] == ';' || dump[end] == '/' || dump[end] == '$' || dump[end] == '"') {
      return true;
    }
  }
  return false;
}

// The owner's nginx may run as anybody.
absl::Status PutInclude(const std::string& path, const std::string& text) {
  return WriteFileAtomically(path, text, 0644);
}

}  // namespace

AttachedNginx::AttachedNginx(NginxOptions options, std::string version,
                             std::optional<std::vector<EdgeSet>> wanted)
    : NginxRounds(NginxPaths(options.dir).wanted, std::move(wanted)),
      options_(std::move(options)),
      version_(std::move(version)),
      paths_(options_.dir) {
  for (const std::string& path : OwnIncludes(options_.include_dir)) {
    marker_port_ = std::max(marker_port_, MarkerPortOf(ReadWholeFile(path).value_or("")));
  }
}

NginxFile AttachedNginx::FileOf(const RenderedSet& set) const {
  NginxFile file{
      .path = absl::StrCat(options_.include_dir, "/", kPrefix, set.backend, kSuffix),
      .text = "",
      .marker = {.port = marker_port_, .name = absl::StrCat(kPrefix, set.backend), .generation = ""}};
  file.marker.generation = absl::StrFormat("%016x", Fingerprint(RenderNginxInclude(set, file.marker)));
  file.text = RenderNginxInclude(set, file.marker);
  return file;
}

NginxPlan AttachedNginx::MakePlan(const std::vector<EdgeSet>& sets) {
  marker_port_ = MarkerPort(marker_port_);
  NginxPlan plan;
  std::set<std::string> names;
  for (const EdgeSet& set : sets) {
    RenderedSet& to = plan.sets.emplace_back(RenderedSet{.set = &set, .backend = set.attach});
    if (set.attach.empty()) {
      to.error = absl::StrCat("this edge drives a foreign nginx (", options_.pid_file,
                              "), which Drover never configures: name its upstream with x-edge attach");
    } else if (!IsUpstreamName(set.attach)) {
      to.error = absl::StrCat("attach: ", set.attach, " is no name of an upstream: letters, digits, . - _");
    } else if (!names.insert(set.attach).second) {
      to.error = absl::StrCat("attach: ", set.attach, " is already the upstream of another service");
    }
    if (!to.error.empty()) {
      to.backend = absl::StrCat("refused ", plan.sets.size());
      continue;
    }
    plan.files.push_back(FileOf(to));
  }
  return plan;
}

std::map<std::string, std::string> AttachedNginx::WantedFiles(const NginxPlan& plan) const {
  std::map<std::string, std::string> wanted;
  const EdgeSet none;
  for (const std::string& path : OwnIncludes(options_.include_dir)) {
    wanted[path] = FileOf({.set = &none, .backend = UpstreamOf(path)}).text;
  }
  for (const NginxFile& file : plan.files) {
    wanted[file.path] = file.text;
  }
  return wanted;
}

absl::Status AttachedNginx::CheckAndWrite(NginxPlan& plan) {
  std::map<std::string, absl::StatusOr<std::string>> former;
  absl::Status status;
  for (const auto& [path, text] : WantedFiles(plan)) {
    absl::StatusOr<std::string> now = ReadWholeFile(path);
    if (status.ok() && (!now.ok() || *now != text)) {
      former.emplace(path, std::move(now));
      status = PutInclude(path, text);
    }
  }
  const absl::StatusOr<std::string> read = status.ok()
                                               ? CheckNginx(options_.program, options_.config, paths_.output)
                                               : absl::StatusOr<std::string>(status);
  if (!read.ok()) {
    // What the owner's next start or reload reads must be what nginx accepted last.
    for (const auto& [path, text] : former) {
      (void)(text.ok() ? PutInclude(path, *text).ok() : unlink(path.c_str()) == 0);
    }
    return read.status();
  }
  RemoveStale(plan);
  for (const NginxFile& file : plan.files) {
    if (!Includes(*read, file.path)) {
      return absl::FailedPreconditionError(
          absl::StrCat("the configuration of the nginx of ", options_.pid_file, " does not include ",
                       file.path, "; it needs:\n",
                       NginxAttachSnippet(UpstreamOf(file.path), options_.include_dir, file.marker.port)));
    }
  }
  return absl::OkStatus();
}

void AttachedNginx::RemoveStale(const NginxPlan& plan) {
  needed_.clear();
  for (const std::string& path : OwnIncludes(options_.include_dir)) {
    const bool wanted = std::any_of(plan.files.begin(), plan.files.end(),
                                    [&](const NginxFile& file) { return file.path == path; });
    const absl::StatusOr<std::string> text = ReadWholeFile(path);
    if (wanted || !text.ok() || unlink(path.c_str()) != 0) {
      continue;
    }
    if (!CheckNginx(options_.program, options_.config, paths_.output).ok()) {
      needed_.insert(path);
      (void)PutInclude(path, *text);
    }
  }
}

bool AttachedNginx::InForce(const NginxPlan& plan) const {
  const std::vector<std::string> present = OwnIncludes(options_.include_dir);
  const bool stale = std::any_of(present.begin(), present.end(), [&](const std::string& path) {
    return needed_.count(path) == 0 && std::none_of(plan.files.begin(), plan.files.end(),
                                                    [&](const NginxFile& file) { return file.path == path; });
  });
  return !stale && NginxRounds::InForce(plan);
}

absl::Status AttachedNginx::Start(NginxPlan&) {
  return absl::UnavailableError(
      absl::StrCat("the nginx of ", options_.pid_file, " does not run; its owner has to start it"));
}

std::optional<int> AttachedNginx::Master() const {
  return LivePid(options_.pid_file, "nginx: master process");
}

EdgeCheckReport AttachedNginx::CheckSet(const EdgeSet& set) {
  EdgeCheckReport report;
  std::vector<RenderedSet> sets = MakePlan({set}).sets;
  report.error = sets.front().error;
  if (!report.error.empty()) {
    return report;
  }
  report.snippet = NginxAttachSnippet(set.attach, options_.include_dir, marker_port_);
  const auto add = [&](const char* name, bool ok, std::string detail) {
    report.checks.push_back({.name = name, .ok = ok, .detail = ok ? "" : std::move(detail)});
    return ok;
  };
  if (!add("process", Master().has_value(),
           absl::StrCat("no nginx runs by ", options_.pid_file, "; its owner has to start it"))) {
    return report;
  }
  const absl::StatusOr<std::string> dump = CheckNginx(options_.program, options_.config, paths_.output);
  if (!add("configuration", dump.ok(), std::string(dump.status().message()))) {
    return report;
  }
  const NginxFile file = FileOf({.set = &set, .backend = set.attach});
  if (!add("include", Includes(*dump, file.path),
           absl::StrCat("the configuration does not include ", file.path, ": include ", options_.include_dir,
                        "/*.conf; in the http block"))) {
    return report;
  }
  add("generation", RunsGeneration(file.marker), WhyNotTaken());
  if (!PassesTo(*dump, set.attach)) {
    report.checks.push_back({.name = "route",
                             .unseen = true,
                             .detail = absl::StrCat("no line says proxy_pass http://", set.attach,
                                                    "; a variable may lead there all the same")});
  } else {
    report.checks.push_back({.name = "route", .ok = true});
  }
  return report;
}

std::string AttachedNginx::WhyNotTaken() const {
  return absl::StrCat("the nginx of ", options_.pid_file,
                      " still runs its former configuration; its error log may say why");
}

}  // namespace drover::agent
