#include "agent/runtime/sensors/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace drover::agent {

KeptFile::KeptFile(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}

KeptFile::KeptFile(KeptFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

KeptFile& KeptFile::operator=(KeptFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

KeptFile::~KeptFile() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

std::optional<std::string> KeptFile::Read() const {
  char buffer[16384];
  const ssize_t n = fd_ < 0 ? -1 : pread(fd_, buffer, sizeof(buffer), 0);
  if (n < 0) {
    return std::nullopt;
  }
  return std::string(buffer, static_cast<size_t>(n));
}

std::optional<std::string> ReadFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return std::nullopt;
  }
  std::string text;
  char buffer[16384];
  ssize_t n = 0;
  while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
    text.append(buffer, static_cast<size_t>(n));
  }
  close(fd);
  return n == 0 ? std::optional<std::string>(std::move(text)) : std::nullopt;
}

std::optional<int64_t> FieldOf(absl::string_view text, absl::string_view key) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::ConsumePrefix(&line, key) && !line.empty() && (line[0] == ' ' || line[0] == ':')) {
      const std::vector<absl::string_view> words =
          absl::StrSplit(line, absl::ByAnyChar(" :"), absl::SkipEmpty());
      int64_t value = 0;
      return !words.empty() && absl::SimpleAtoi(words[0], &value) ? std::optional<int64_t>(value)
                                                                  : std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<int64_t> NumberOf(const std::optional<std::string>& text) {
  int64_t value = 0;
  return text && absl::SimpleAtoi(absl::StripAsciiWhitespace(*text), &value) ? std::optional<int64_t>(value)
                                                                             : std::nullopt;
}

}  // namespace drover::agent
