#include "common/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/status.h"

namespace drover {
namespace {

absl::Status Failed(absl::string_view what) { return absl::ErrnoToStatus(errno, what); }

absl::Status WriteAll(int fd, absl::string_view content) {
  while (!content.empty()) {
    ssize_t wrote = write(fd, content.data(), content.size());
    if (wrote < 0) {
      return Failed("write");
    }
    content.remove_prefix(static_cast<size_t>(wrote));
  }
  return fsync(fd) == 0 ? absl::OkStatus() : Failed("fsync");
}

}  // namespace

absl::Status WriteDurably(const std::string& path, const std::string& content, int mode) {
  std::string temporary = path + ".new";
  int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) {
    return Failed(temporary);
  }
  fchmod(fd, static_cast<mode_t>(mode));
  absl::Status written = WriteAll(fd, content);
  close(fd);
  if (!written.ok()) {
    unlink(temporary.c_str());
    return Annotate(written, temporary);
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    return Failed(path);
  }
  std::string folder = std::filesystem::path(path).parent_path();
  int folder_fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_fd < 0) {
    return Failed(folder);
  }
  absl::Status synced = fsync(folder_fd) == 0 ? absl::OkStatus() : Failed(folder);
  close(folder_fd);
  return synced;
}

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Failed(path);
  }
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace drover
