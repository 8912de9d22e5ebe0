#include "agent/runtime/edge/fingerprint.h"

#include <sys/stat.h>

#include "absl/strings/str_cat.h"

namespace drover::agent {

uint64_t Fingerprint(absl::string_view text) {
  uint64_t hash = 14695981039346656037u;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
  return hash;
}

std::string Stamp(const std::string& path) {
  struct stat info {};

  if (stat(path.c_str(), &info) != 0) {
    return {};
  }
  return absl::StrCat(path, " ", info.st_ino, " ", info.st_size, " ", info.st_mtim.tv_sec, ".",
                      info.st_mtim.tv_nsec);
}

}  // namespace drover::agent
