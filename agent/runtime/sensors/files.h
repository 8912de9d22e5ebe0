// Reading small kernel files (/proc, cgroups): whole at once, through kept descriptors where it pays.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace drover::agent {

// A file that is read again and again from its start. Closed with the object.
class KeptFile {
 public:
  KeptFile() = default;
  explicit KeptFile(const std::string& path);
  KeptFile(KeptFile&& other) noexcept;
  KeptFile& operator=(KeptFile&& other) noexcept;
  ~KeptFile();

  bool is_open() const { return fd_ >= 0; }

  // Its first 16 KiB; absent when it cannot be read (any more).
  std::optional<std::string> Read() const;

 private:
  int fd_ = -1;
};

// Open, read, close. Absent when that fails.
std::optional<std::string> ReadFile(const std::string& path);

// The number after `key` at the start of a line ("inactive_file 4096"); absent when there is none.
std::optional<int64_t> FieldOf(absl::string_view text, absl::string_view key);

// A file that is one number.
std::optional<int64_t> NumberOf(const std::optional<std::string>& text);

}  // namespace drover::agent
