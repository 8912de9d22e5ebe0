#include "tests/unit/compose/support.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace drover::compose {
namespace {

std::vector<std::string> Lines(const std::vector<Fault>& faults) {
  std::vector<std::string> lines;
  for (const Fault& fault : faults) {
    lines.push_back(absl::StrCat(fault.line, ":", fault.column, ": ", fault.message));
  }
  return lines;
}

}  // namespace

Project::Project() {
  std::string name = std::filesystem::temp_directory_path() / "drover-compose-XXXXXX";
  dir_ = mkdtemp(name.data());
}

Project::~Project() {
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

Project& Project::Write(const std::string& path, const std::string& text) {
  const std::filesystem::path full = std::filesystem::path(dir_) / path;
  std::filesystem::create_directories(full.parent_path());
  std::ofstream(full) << text;
  return *this;
}

LoadResult Project::Load(LoadOptions options) const {
  options.working_dir = dir_;
  if (options.project_name.empty()) {
    options.project_name = "p";
  }
  return compose::Load(options);
}

LoadResult LoadText(const std::string& text, const std::map<std::string, std::string>& environment) {
  Project project;
  project.Write("compose.yaml", text);
  LoadOptions options;
  options.environment = environment;
  return project.Load(options);
}

std::vector<std::string> Faults(const LoadResult& result) {
  const auto* refused = std::get_if<Refused>(&result);
  return refused == nullptr ? std::vector<std::string>() : Lines(refused->faults);
}

std::vector<std::string> Warnings(const LoadResult& result) {
  const auto* loaded = std::get_if<Loaded>(&result);
  return Lines(loaded == nullptr ? std::get<Refused>(result).warnings : loaded->warnings);
}

std::vector<std::string> DeployFaults(const LoadResult& result) {
  const auto* loaded = std::get_if<Loaded>(&result);
  return loaded == nullptr ? std::vector<std::string>() : Lines(loaded->deploy_faults);
}

v1::StackSpec SpecOf(const LoadResult& result) {
  const auto* loaded = std::get_if<Loaded>(&result);
  if (loaded == nullptr) {
    ADD_FAILURE() << "refused:\n" << absl::StrJoin(Faults(result), "\n");
    return {};
  }
  return loaded->spec;
}

v1::ServiceSpec ServiceOf(const LoadResult& result, const std::string& name) {
  const v1::StackSpec spec = SpecOf(result);
  for (const v1::ServiceSpec& service : spec.services()) {
    if (service.name() == name) {
      return service;
    }
  }
  ADD_FAILURE() << "no service " << name;
  return {};
}

}  // namespace drover::compose
