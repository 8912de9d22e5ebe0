// The calls of the client whose answers are streams: pull, events, logs, exec.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/runtime/docker/client.h"
#include "agent/runtime/docker/client_impl.h"
#include "agent/runtime/docker/demux.h"
#include "agent/runtime/docker/exec_stream.h"
#include "common/status.h"

namespace drover::agent::docker {
namespace {

// Cuts a stream of JSON values, one a line, into values.
class JsonLines {
 public:
  explicit JsonLines(std::function<bool(const Json&)> sink) : sink_(std::move(sink)) {}

  bool Feed(absl::string_view data) {
    pending_.append(data.data(), data.size());
    size_t end = 0;
    while ((end = pending_.find('\n')) != std::string::npos) {
      Json json = Json::parse(pending_.substr(0, end), nullptr, false);
      pending_.erase(0, end + 1);
      if (json.is_object() && !sink_(json)) {
        return false;
      }
    }
    return true;
  }

 private:
  std::function<bool(const Json&)> sink_;
  std::string pending_;
};

// A silent stream is asked for anew after this long; more does not fit a poll timeout.
constexpr Duration kNoIdleLimit = absl::Hours(24);

}  // namespace

absl::Status Client::Pull(const std::string& image, const std::string& platform, const std::string& auth,
                          Duration idle, const std::shared_ptr<Cancel>& cancel) {
  // Without a tag or a digest the engine would pull every tag there is.
  size_t slash = image.rfind('/');
  bool has_tag = image.find('@') != std::string::npos ||
                 image.find(':', slash == std::string::npos ? 0 : slash) != std::string::npos;
  std::string path = absl::StrCat(impl_->Prefix(), "/images/create?fromImage=", UrlEncode(image),
                                  has_tag ? "" : "&tag=latest");
  if (!platform.empty()) {
    absl::StrAppend(&path, "&platform=", UrlEncode(platform));
  }
  HttpCall call{"POST", path, "", {}};
  if (!auth.empty()) {
    call.headers["X-Registry-Auth"] = auth;
  }
  std::string what = absl::StrCat("pull ", image);
  std::string error;
  JsonLines lines([&](const Json& line) {
    if (line.contains("error")) {
      error = Text(line, "error");
    }
    return true;
  });
  absl::StatusOr<HttpAnswer> answer = impl_->transport().Stream(
      call, idle, [&](absl::string_view data) { return lines.Feed(data); }, cancel);
  if (!answer.ok()) {
    return impl_->Count(Annotate(answer.status(), what));
  }
  if (answer->status / 100 != 2) {
    return impl_->ErrorOf(*answer, what);
  }
  if (!error.empty()) {
    return impl_->Count(absl::InternalError(absl::StrCat(what, ": ", error)));
  }
  return absl::OkStatus();
}

absl::Status Client::Events(const std::string& label, int64_t since_unix,
                            const std::function<void(const EngineEvent&)>& sink,
                            const std::shared_ptr<Cancel>& cancel) {
  std::string path =
      absl::StrCat(impl_->Prefix(), "/events?", Filters({{"type", {"container"}}, {"label", {label}}}));
  if (since_unix > 0) {
    absl::StrAppend(&path, "&since=", since_unix);
  }
  JsonLines lines([&](const Json& line) {
    const Json& actor = Object(line, "Actor");
    sink({Text(line, "Action"), Text(actor, "ID"), TextMap(actor, "Attributes")});
    return true;
  });
  absl::StatusOr<HttpAnswer> answer = impl_->transport().Stream(
      {"GET", path, "", {}}, kNoIdleLimit, [&](absl::string_view data) { return lines.Feed(data); }, cancel);
  if (!answer.ok()) {
    return impl_->Count(answer.status());
  }
  return answer->status / 100 == 2 ? absl::OkStatus() : impl_->ErrorOf(*answer, "events");
}

absl::Status Client::Logs(const std::string& id, const LogOptions& options, const OutputSink& sink,
                          const std::shared_ptr<Cancel>& cancel) {
  ASSIGN_OR_RETURN(Inspected inspected, Inspect(id));
  std::string path =
      absl::StrCat(impl_->Prefix(), "/containers/", UrlEncode(id), "/logs?stdout=1&stderr=1",
                   options.follow ? "&follow=1" : "", options.timestamps ? "&timestamps=1" : "",
                   "&tail=", options.tail < 0 ? "all" : absl::StrCat(options.tail));
  if (options.since_unix > 0) {
    absl::StrAppend(&path, "&since=", options.since_unix);
  }
  Demux demux(inspected.tty, sink);
  absl::StatusOr<HttpAnswer> answer = impl_->transport().Stream(
      {"GET", path, "", {}}, options.follow ? kNoIdleLimit : absl::Seconds(30),
      [&](absl::string_view data) { return demux.Feed(data); }, cancel);
  if (!answer.ok()) {
    return impl_->Count(answer.status());
  }
  return answer->status / 100 == 2 ? absl::OkStatus() : impl_->ErrorOf(*answer, "logs");
}

absl::StatusOr<int32_t> Client::Exec(const std::string& id, const ExecOptions& options,
                                     const OutputSink& sink, const std::shared_ptr<Cancel>& cancel) {
  std::string what = absl::StrCat("exec in ", id.substr(0, 12));
  Json body = {{"AttachStdin", !options.input.empty()},
               {"AttachStdout", true},
               {"AttachStderr", true},
               {"Tty", options.tty},
               {"Cmd", options.command},
               {"Env", options.environment},
               {"User", options.user},
               {"WorkingDir", options.working_dir}};
  ASSIGN_OR_RETURN(Json created,
                   impl_->Call("POST", absl::StrCat("/containers/", UrlEncode(id), "/exec"), body, what));
  std::string exec_id = Text(created, "Id");
  Demux demux(options.tty, sink);
  Json start = {{"Detach", false}, {"Tty", options.tty}};
  absl::StatusOr<HttpAnswer> answer = HijackedCall(
      impl_->transport().socket_path(), absl::StrCat(impl_->Prefix(), "/exec/", exec_id, "/start"),
      start.dump(), options.input, [&](absl::string_view data) { return demux.Feed(data); }, cancel);
  if (!answer.ok()) {
    return impl_->Count(answer.status());
  }
  if (answer->status >= 400) {
    return impl_->ErrorOf(*answer, what);
  }
  ASSIGN_OR_RETURN(Json state, impl_->Call("GET", absl::StrCat("/exec/", exec_id, "/json"), Json(), what));
  return static_cast<int32_t>(Number(state, "ExitCode"));
}

}  // namespace drover::agent::docker
