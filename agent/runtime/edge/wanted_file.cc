#include "agent/runtime/edge/wanted_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "agent/runtime/edge/set_proto.h"
#include "common/status.h"

namespace drover::agent {
namespace {

absl::Status FileError(const std::string& path) {
  const std::string text = absl::StrCat(path, ": ", std::strerror(errno));
  return errno == ENOENT ? absl::NotFoundError(text) : absl::InternalError(text);
}

}  // namespace

absl::Status WriteFileAtomically(const std::string& path, const std::string& content, uint32_t mode) {
  const std::string temporary = path + ".new";
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) {
    return FileError(temporary);
  }
  size_t written = 0;
  ssize_t n = 0;
  while (written < content.size() &&
         (n = write(fd, content.data() + written, content.size() - written)) > 0) {
    written += static_cast<size_t>(n);
  }
  const bool complete = written == content.size();
  const int error = errno;
  if (close(fd) != 0 || !complete) {
    errno = complete ? errno : error;
    return FileError(temporary);
  }
  return rename(temporary.c_str(), path.c_str()) == 0 ? absl::OkStatus() : FileError(path);
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return FileError(path);
  }
  std::string content;
  char buffer[16384];
  ssize_t n = 0;
  while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
    content.append(buffer, static_cast<size_t>(n));
  }
  const absl::Status status = n == 0 ? absl::OkStatus() : FileError(path);
  close(fd);
  RETURN_IF_ERROR(status);
  return content;
}

absl::Status StoreWanted(const std::string& path, const std::vector<EdgeSet>& sets) {
  v1::BackendSets all;
  for (const EdgeSet& set : sets) {
    *all.add_sets() = ToProto(set);
  }
  return WriteFileAtomically(path, all.SerializeAsString());
}

absl::StatusOr<std::optional<std::vector<EdgeSet>>> LoadWanted(const std::string& path) {
  const absl::StatusOr<std::string> content = ReadWholeFile(path);
  if (absl::IsNotFound(content.status())) {
    return std::nullopt;
  }
  RETURN_IF_ERROR(content.status());
  v1::BackendSets all;
  if (!all.ParseFromString(*content)) {
    return absl::DataLossError(
        absl::StrCat(path, ": is damaged; remove it and the agent waits for the controller's backend sets"));
  }
  std::vector<EdgeSet> sets;
  for (const v1::BackendSet& set : all.sets()) {
    sets.push_back(FromProto(set));
  }
  return sets;
}

}  // namespace drover::agent
