#include "agent/runtime/edge/nginx/nginx.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/runtime/edge/nginx/attached.h"
#include "agent/runtime/edge/nginx/managed.h"
#include "agent/runtime/edge/program.h"
#include "agent/runtime/edge/wanted_file.h"
#include "common/status.h"

namespace drover::agent {
namespace {

// From the program's own words: version, and whether it was built with the stream module.
absl::StatusOr<NginxBuild> ReadBuild(const std::string& program, const std::string& output_path) {
  ASSIGN_OR_RETURN(const RunResult result, RunProgram({program, "-V"}, output_path, absl::Seconds(5)));
  NginxBuild build;
  std::string modules;
  bool dynamic = false;
  for (absl::string_view word : absl::StrSplit(result.output, absl::ByAnyChar(" \n"), absl::SkipEmpty())) {
    if (absl::ConsumePrefix(&word, "nginx/")) {
      build.version = absl::StrCat("nginx ", word);
    } else if (absl::ConsumePrefix(&word, "--modules-path=")) {
      modules = std::string(word);
    } else if (word == "--with-stream") {
      build.stream = true;
    } else if (word == "--with-stream=dynamic") {
      dynamic = true;
    }
  }
  if (build.version.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(program, " -V: is this nginx? It says: ", result.output.substr(0, 120)));
  }
  const std::string module = absl::StrCat(modules, "/ngx_stream_module.so");
  if (!build.stream && dynamic && access(module.c_str(), R_OK) == 0) {
    build.stream = true;
    build.stream_module = absl::StrCat("load_module ", module, ";\n");
  }
  return build;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Edge>> MakeNginxEdge(const NginxOptions& given) {
  NginxOptions options = given;
  if (options.dir.empty()) {
    return absl::InvalidArgumentError("edge.dir: must name a folder for nginx' files");
  }
  std::error_code error;
  options.dir = std::filesystem::absolute(options.dir, error).string();
  std::filesystem::create_directories(options.dir, error);
  if (error || chmod(options.dir.c_str(), 0700) != 0) {
    return absl::InternalError(
        absl::StrCat(options.dir, ": ", error ? error.message() : std::string(std::strerror(errno))));
  }
  const NginxPaths paths(options.dir);
  ASSIGN_OR_RETURN(std::optional<std::vector<EdgeSet>> wanted, LoadWanted(paths.wanted));
  ASSIGN_OR_RETURN(options.program, FindProgram(options.program));
  ASSIGN_OR_RETURN(NginxBuild build, ReadBuild(options.program, paths.output));
  if (!options.include_dir.empty()) {
    // Without a slash at the end.
    options.include_dir =
        (std::filesystem::absolute(options.include_dir, error) / "").lexically_normal().parent_path();
    if (!std::filesystem::is_directory(options.include_dir, error)) {
      return absl::NotFoundError(
          absl::StrCat("edge.nginx.include_dir: ", options.include_dir,
                       ": no such folder; make it, and include its *.conf in nginx' http block"));
    }
    return std::unique_ptr<Edge>(std::make_unique<AttachedNginx>(options, build.version, std::move(wanted)));
  }
  return std::unique_ptr<Edge>(std::make_unique<ManagedNginx>(options, std::move(build), std::move(wanted)));
}

}  // namespace drover::agent
