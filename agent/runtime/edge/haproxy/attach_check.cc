#include "agent/runtime/edge/haproxy/attach_check.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "agent/runtime/edge/haproxy/drive.h"
#include "agent/runtime/edge/haproxy/foreign_config.h"
#include "agent/runtime/edge/haproxy/plan.h"
#include "agent/runtime/edge/haproxy/render.h"
#include "common/status.h"

namespace drover::agent {
namespace {

constexpr auto kCheckLimit = std::chrono::milliseconds(950);

EdgeCheck Passed(std::string name, std::string detail = "") {
  return {.name = std::move(name), .ok = true, .detail = std::move(detail)};
}

EdgeCheck Failed(std::string name, std::string detail) {
  return {.name = std::move(name), .ok = false, .detail = std::move(detail)};
}

EdgeCheck Unseen(std::string name, std::string detail) {
  return {.name = std::move(name), .ok = false, .unseen = true, .detail = std::move(detail)};
}

// On one line, as people write it.
std::string Shown(const std::string& line) { return std::string(absl::StripAsciiWhitespace(line)); }

class AttachedCheck {
 public:
  AttachedCheck(const EdgeSet& set, const std::string& dir, RuntimeSession session,
                std::vector<EdgeCheck>& checks)
      : set_(set), dir_(dir), session_(std::move(session)), checks_(checks) {}

  // Errors: the session's, or an answer that can't be read.
  absl::Status Run() {
    ASSIGN_OR_RETURN(const std::string answer, session_.Command("show info"));
    ASSIGN_OR_RETURN(const ProcessInfo info, ParseInfo(answer));
    checks_.push_back(Passed("socket", absl::StrCat("HAProxy ", info.version)));
    ASSIGN_OR_RETURN(const bool there, ReadBackend());
    if (!there) {
      return absl::OkStatus();
    }
    CheckServers();
    RETURN_IF_ERROR(CheckCommand());
    CheckFile(info);
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<bool> ReadBackend() {
    ASSIGN_OR_RETURN(const std::string state,
                     session_.Command(absl::StrCat("show servers state ", set_.attach)));
    absl::StatusOr<std::vector<ServerRow>> rows = ParseServersState(state);
    if (absl::IsNotFound(rows.status())) {
      checks_.push_back(Failed("backend", absl::StrCat("HAProxy has no backend ", set_.attach)));
      return false;
    }
    RETURN_IF_ERROR(rows.status());
    ASSIGN_OR_RETURN(const std::string stat,
                     session_.Command(absl::StrCat("show stat ", set_.attach, " 6 -1")));
    ASSIGN_OR_RETURN(stat_, StatTable::Parse(stat));
    rows_ = *std::move(rows);
    std::erase_if(rows_, [](const ServerRow& row) { return !IsSlotName(row.name); });
    checks_.push_back(Passed("backend"));
    return true;
  }

  void CheckServers() {
    const uint32_t wanted = SlotCount(set_);
    const std::string found =
        absl::StrCat("it has ", rows_.size(), " servers drv1…drvN, ", wanted, " are needed");
    checks_.push_back(rows_.size() >= wanted
                          ? Passed("servers", found)
                          : Failed("servers", absl::StrCat(found, ": server-template drv 1-", wanted, " …")));
  }

  // A server that no replica has or is about to have.
  std::optional<ServerRow> FreeServer() const {
    for (const ServerRow& row : rows_) {
      const bool wanted = std::any_of(set_.backends.begin(), set_.backends.end(), [&](const EdgeBackend& b) {
        return b.port == row.port && b.address == row.address;
      });
      const std::optional<size_t> line = stat_->Find(row.name);
      if (!wanted && !InRotation(row) && line && stat_->Number(*line, "scur").value_or(1) == 0) {
        return row;
      }
    }
    return std::nullopt;
  }

  absl::StatusOr<ServerRow> ReadServer(const std::string& name) {
    ASSIGN_OR_RETURN(const std::string state,
                     session_.Command(absl::StrCat("show servers state ", set_.attach)));
    ASSIGN_OR_RETURN(const std::vector<ServerRow> rows, ParseServersState(state));
    for (const ServerRow& row : rows) {
      if (row.name == name) {
        return row;
      }
    }
    return absl::NotFoundError(absl::StrCat("server ", name, " is gone"));
  }

  absl::Status CheckCommand() {
    if (rows_.empty()) {
      return absl::OkStatus();  // said by CheckServers
    }
    const std::optional<ServerRow> free = FreeServer();
    if (!free) {
      checks_.push_back(Unseen("command", "every server is in use, so that none could be tried"));
      return absl::OkStatus();
    }
    const std::string server = absl::StrCat("set server ", set_.attach, "/", free->name);
    const uint32_t port = free->port == 2 ? 3 : 2;
    ASSIGN_OR_RETURN(const std::string answer,
                     session_.Command(absl::StrCat(server, " addr 127.0.0.1 port ", port)));
    ASSIGN_OR_RETURN(const ServerRow after, ReadServer(free->name));
    const bool obeyed = after.address == "127.0.0.1" && after.port == port;
    ASSIGN_OR_RETURN(const std::string back,
                     session_.Command(absl::StrCat(server, " addr ", free->address, " port ", free->port)));
    checks_.push_back(obeyed ? Passed("command", absl::StrCat("tried on ", free->name))
                             : Failed("command", absl::StrCat("\"set server\" was answered \"",
                                                              Shown(answer).substr(0, 200),
                                                              "\"; the socket needs `level admin`")));
    return obeyed ? CheckBalance(server, *free) : absl::OkStatus();
  }

  // Weights show whether the algorithm is a dynamic one: a static one refuses all but the first.
  absl::Status CheckBalance(const std::string& server, const ServerRow& free) {
    const int32_t weight = free.initial_weight == 2 ? 3 : 2;
    ASSIGN_OR_RETURN(const std::string answer, session_.Command(absl::StrCat(server, " weight ", weight)));
    ASSIGN_OR_RETURN(const ServerRow after, ReadServer(free.name));
    ASSIGN_OR_RETURN(const std::string back,
                     session_.Command(absl::StrCat(server, " weight ", free.user_weight)));
    const std::optional<size_t> row = stat_->Find("BACKEND");
    const std::string algorithm = row ? std::string(stat_->Text(*row, "algo")) : "";
    checks_.push_back(
        after.user_weight == weight
            ? Passed("balance", algorithm)
            : Failed("balance", absl::StrCat(algorithm, algorithm.empty() ? "" : ": ",
                                             "weights can't be changed; use leastconn, roundrobin, or "
                                             "hash-type consistent")));
    return absl::OkStatus();
  }

  // What the socket can't show.
  void CheckFile(const ProcessInfo& info) {
    const absl::StatusOr<std::string> text = ReadForeignConfig(info.pid, info.start_seconds);
    if (!text.ok()) {
      const std::string why =
          absl::StrCat("HAProxy's configuration can't be read: ", text.status().message());
      checks_.push_back(Unseen("redispatch", why));
      checks_.push_back(Unseen("traffic", why));
      if (set_.hold > absl::ZeroDuration()) {
        checks_.push_back(Unseen("hold", why));
      }
      return;
    }
    const ForeignConfig config(*text);
    checks_.push_back(
        config.OptionIsOn(set_.attach, "redispatch")
            ? Passed("redispatch")
            : Failed("redispatch", absl::StrCat("backend ", set_.attach,
                                                " needs `option redispatch 1`: a request for a replica "
                                                "that just died goes to another")));
    CheckLines("traffic", MissingTraffic(config));
    if (set_.hold > absl::ZeroDuration()) {
      CheckLines("hold", MissingHold(config));
    }
  }

  void CheckLines(const char* name, const std::vector<std::string>& missing) {
    checks_.push_back(missing.empty()
                          ? Passed(name)
                          : Failed(name, absl::StrCat("missing in ", absl::StrJoin(missing, "; in "))));
  }

  // Of `lines`, those that the backend lacks.
  void AddMissing(const ForeignConfig& config, const std::string& lines,
                  std::vector<std::string>& missing) const {
    for (const absl::string_view line : absl::StrSplit(lines, '\n', absl::SkipWhitespace())) {
      if (!config.BackendHas(set_.attach, SplitConfigLine(line))) {
        missing.push_back(absl::StrCat("backend ", set_.attach, ": ", absl::StripAsciiWhitespace(line)));
      }
    }
  }

  std::vector<std::string> MissingTraffic(const ForeignConfig& config) const {
    std::vector<std::string> missing;
    AddMissing(config, RenderTraffic(set_), missing);
    const ConfigWords options = SplitConfigLine(RenderServerOptions(set_));
    for (size_t i = 0; i + 1 < options.size(); ++i) {
      const bool said = options[i] == "maxconn" || options[i] == "slowstart" || options[i] == "proto";
      if (said && !config.ServersHave(set_.attach, {options[i], options[i + 1]})) {
        missing.push_back(
            absl::StrCat("the servers of backend ", set_.attach, ": ", options[i], " ", options[i + 1]));
      }
    }
    return missing;
  }

  std::vector<std::string> MissingHold(const ForeignConfig& config) const {
    std::vector<std::string> missing;
    const std::string script = LoadHoldScript(dir_);
    if (!config.GlobalHas(SplitConfigLine(absl::StripAsciiWhitespace(script)))) {
      missing.push_back(absl::StrCat("global: ", absl::StripAsciiWhitespace(script)));
    }
    AddMissing(config, RenderHold(set_, dir_), missing);
    return missing;
  }

  const EdgeSet& set_;
  const std::string& dir_;
  RuntimeSession session_;
  std::vector<EdgeCheck>& checks_;
  std::vector<ServerRow> rows_;  // ours
  std::optional<StatTable> stat_;
};

}  // namespace

EdgeCheckReport CheckAttached(const EdgeSet& set, const std::string& socket, const std::string& dir) {
  EdgeCheckReport report;
  if (set.attach.empty()) {
    report.error = absl::StrCat("this edge drives a foreign HAProxy (", socket,
                                "), which Drover never configures: name its backend with x-edge attach");
    return report;
  }
  report.snippet = AttachSnippet(set, dir);
  absl::StatusOr<RuntimeSession> session =
      RuntimeSession::Open(socket, "> ", std::chrono::steady_clock::now() + kCheckLimit);
  if (!session.ok()) {
    report.checks.push_back(Failed("socket", std::string(session.status().message())));
    return report;
  }
  const absl::Status status = AttachedCheck(set, dir, *std::move(session), report.checks).Run();
  if (!status.ok()) {
    report.checks.push_back(Failed("answer", std::string(status.message())));
  }
  return report;
}

}  // namespace drover::agent
