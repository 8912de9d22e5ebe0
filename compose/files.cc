#include "compose/files.h"

#include <openssl/evp.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace drover::compose {
namespace fs = std::filesystem;

std::string ResolvePath(const std::string& path, const std::string& base, const Environment& environment) {
  fs::path resolved(path);
  if (path == "~" || absl::StartsWith(path, "~/")) {
    auto home = environment.find("HOME");
    resolved =
        fs::path(home == environment.end() ? "/root" : home->second) / path.substr(path.size() > 1 ? 2 : 1);
  } else if (!resolved.is_absolute()) {
    resolved = fs::path(base) / resolved;
  }
  std::string text = resolved.lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') {
    text.pop_back();
  }
  return text;
}

std::string DirectoryOf(const std::string& path) { return fs::path(path).parent_path().string(); }

std::string DisplayPath(const std::string& path, const std::string& base) {
  const std::string prefix = absl::EndsWith(base, "/") ? base : base + "/";
  return absl::StartsWith(path, prefix) ? path.substr(prefix.size()) : path;
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path) {
  if (path == "-") {
    return std::string(std::istreambuf_iterator<char>(std::cin), {});
  }
  std::error_code error;
  if (fs::is_directory(path, error)) {
    return absl::FailedPreconditionError("is a directory");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const int code = errno;
    return absl::NotFoundError(std::strerror(code));
  }
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

bool FileExists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

std::vector<std::string> FindComposeFiles(const std::string& directory) {
  static const char* const kNames[] = {"compose.yaml", "compose.yml", "docker-compose.yml",
                                       "docker-compose.yaml"};
  static const char* const kOverrides[] = {"compose.override.yaml", "compose.override.yml",
                                           "docker-compose.override.yml", "docker-compose.override.yaml"};
  for (fs::path dir(directory);; dir = dir.parent_path()) {
    for (const char* name : kNames) {
      if (!FileExists(dir / name)) {
        continue;
      }
      std::vector<std::string> files = {(dir / name).string()};
      for (const char* override_name : kOverrides) {
        if (FileExists(dir / override_name)) {
          files.push_back((dir / override_name).string());
          break;
        }
      }
      return files;
    }
    if (dir == dir.parent_path()) {
      return {};
    }
  }
}

std::string Sha256(const std::string& content) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(content.data(), content.size(), digest, &size, EVP_sha256(), nullptr);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), size));
}

}  // namespace drover::compose
