// The reader's only touch with the file system: finding Compose files, reading files, paths.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compose/interpolate.h"

namespace drover::compose {

// `path` as seen from `base` (absolute), normalised; `~` is the environment's HOME.
std::string ResolvePath(const std::string& path, const std::string& base, const Environment& environment);
// The directory of a path.
std::string DirectoryOf(const std::string& path);
// `path` without `base` in front where it lies below it; for messages.
std::string DisplayPath(const std::string& path, const std::string& base);
// The whole file; "-" is standard input. NotFound, PermissionDenied and the like, in words.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path);
bool FileExists(const std::string& path);

// compose.yaml, compose.yml, docker-compose.yml or docker-compose.yaml, the first that exists in
// `directory` or the nearest parent, followed by its override file if there is one. Empty: none.
std::vector<std::string> FindComposeFiles(const std::string& directory);

// Lower-case hex SHA-256.
std::string Sha256(const std::string& content);

}  // namespace drover::compose
