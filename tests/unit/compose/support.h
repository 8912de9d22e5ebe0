// Compose files written into a directory of their own for one test, and what came of loading them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compose/compose.h"

namespace drover::compose {

class Project {
 public:
  Project();
  ~Project();
  Project(const Project&) = delete;
  Project& operator=(const Project&) = delete;

  // Writes `text` to `path` below the project's directory.
  Project& Write(const std::string& path, const std::string& text);
  LoadResult Load(LoadOptions options = {}) const;

  const std::string& dir() const { return dir_; }

 private:
  std::string dir_;
};

// Loads `text` as compose.yaml of project "p" with these variables.
LoadResult LoadText(const std::string& text, const std::map<std::string, std::string>& environment = {});
// "LINE:COLUMN: message" of the faults; empty when it loaded.
std::vector<std::string> Faults(const LoadResult& result);
std::vector<std::string> Warnings(const LoadResult& result);
std::vector<std::string> DeployFaults(const LoadResult& result);
// The spec; a test failure with the faults when it was refused.
v1::StackSpec SpecOf(const LoadResult& result);
// Service `name` of the spec; a test failure when it is missing.
v1::ServiceSpec ServiceOf(const LoadResult& result, const std::string& name);

}  // namespace drover::compose
