#include "controller/runtime/history/segments.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/status.h"
#include "controller/runtime/history/segment.h"

namespace drover::controller {
namespace {

namespace fs = std::filesystem;

absl::Status SystemError(const std::string& path) {
  return absl::UnavailableError(absl::StrCat(path, ": ", std::strerror(errno)));
}

// The start in the head, or, when that is damaged, the time of the last write.
absl::Time StartOf(const std::string& path) {
  std::string head(16, '\0');
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    const ssize_t got = read(file, head.data(), head.size());
    head.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
    close(file);
  }
  if (const auto start = SegmentWalk(head).start()) {
    return *start;
  }

  struct stat found {};

  stat(path.c_str(), &found);
  return absl::TimeFromTimespec(found.st_mtim);
}

}  // namespace

std::string SegmentFile::Name() const { return absl::StrFormat("%010d.%s", number, full ? "full" : "mean"); }

absl::Status Segments::Open() {
  std::error_code error;
  fs::create_directories(directory_, error);
  files_.clear();
  fs::directory_iterator entries(directory_, error);
  if (error) {
    return absl::UnavailableError(absl::StrCat(directory_, ": ", error.message()));
  }
  for (const fs::directory_entry& entry : entries) {
    SegmentFile file;
    const std::string kind = entry.path().extension().string();
    if (kind == ".part") {
      fs::remove(entry.path(), error);
    } else if ((kind == ".full" || kind == ".mean") &&
               absl::SimpleAtoi(entry.path().stem().string(), &file.number)) {
      file.full = kind == ".full";
      file.start = StartOf(entry.path().string());
      file.bytes = static_cast<int64_t>(entry.file_size(error));
      files_.push_back(file);
      last_ = std::max(last_, file.number);
    }
  }
  std::sort(files_.begin(), files_.end(), [](const SegmentFile& a, const SegmentFile& b) {
    return std::pair(a.number, a.full) < std::pair(b.number, b.full);
  });
  // Means were made, the full one was not removed yet.
  for (size_t i = 1; i < files_.size(); ++i) {
    if (files_[i].number == files_[i - 1].number) {
      fs::remove(PathOf(files_[i]), error);
      files_.erase(files_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int> Segments::Add(absl::Time start) {
  SegmentFile added{.number = last_ + 1, .full = true, .start = start, .bytes = 0};
  const std::string path = PathOf(added);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) {
    return SystemError(path);
  }
  const std::string head = SegmentHead(start);
  if (const absl::Status written = WriteAll(file, head); !written.ok()) {
    close(file);
    unlink(path.c_str());
    return absl::UnavailableError(absl::StrCat(path, ": ", written.message()));
  }
  ++last_;
  added.bytes = static_cast<int64_t>(head.size());
  files_.push_back(added);
  return file;
}

bool Segments::NewestIsEmpty() const {
  return files_.back().bytes <= static_cast<int64_t>(SegmentHead(absl::UnixEpoch()).size());
}

void Segments::RemoveNewest() {
  unlink(PathOf(files_.back()).c_str());
  files_.pop_back();
}

int64_t Segments::bytes() const {
  int64_t sum = 0;
  for (const SegmentFile& file : files_) {
    sum += file.bytes;
  }
  return sum;
}

void Segments::Trim(int64_t most, absl::Time oldest) {
  while (files_.size() > 1 && (bytes() > most || files_[1].start < oldest)) {
    unlink(PathOf(files_.front()).c_str());
    files_.erase(files_.begin());
  }
}

absl::Status Segments::Replace(uint64_t number, const std::string& bytes) {
  const auto found = std::find_if(files_.begin(), files_.end(), [number](const SegmentFile& file) {
    return file.number == number && file.full;
  });
  if (found == files_.end()) {
    return absl::OkStatus();  // trimmed in the meantime
  }
  const std::string former = PathOf(*found);
  const std::string part = absl::StrCat(former, ".part");
  const int file = open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) {
    return SystemError(part);
  }
  absl::Status written = WriteAll(file, bytes);
  close(file);
  SegmentFile thinned = *found;
  thinned.full = false;
  thinned.bytes = static_cast<int64_t>(bytes.size());
  if (written.ok() && rename(part.c_str(), PathOf(thinned).c_str()) != 0) {
    written = SystemError(part);
  }
  if (!written.ok()) {
    unlink(part.c_str());
    return written;
  }
  unlink(former.c_str());
  *found = thinned;
  return absl::OkStatus();
}

std::string ReadWhole(const std::string& path) {
  std::string bytes;
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return bytes;
  }

  struct stat found {};

  fstat(file, &found);
  bytes.resize(static_cast<size_t>(found.st_size));
  size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t got = read(file, bytes.data() + at, bytes.size() - at);
    if (got <= 0) {
      break;
    }
    at += static_cast<size_t>(got);
  }
  close(file);
  bytes.resize(at);
  return bytes;
}

absl::Status WriteAll(int file, const std::string& bytes) {
  size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t written = write(file, bytes.data() + at, bytes.size() - at);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return absl::UnavailableError(std::strerror(written == 0 ? ENOSPC : errno));
    }
    at += static_cast<size_t>(written);
  }
  return absl::OkStatus();
}

}  // namespace drover::controller
