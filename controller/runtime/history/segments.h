// The segment files of one directory: which there are, what they hold in time and bytes, and which must
// go. Not thread-safe.
//
//   DIR/0000000042.full   every evaluation
//   DIR/0000000041.mean   means of ten seconds, made of a full one
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace drover::controller {

struct SegmentFile {
  uint64_t number = 0;
  bool full = true;
  absl::Time start;
  int64_t bytes = 0;

  std::string Name() const;
};

class Segments {
 public:
  explicit Segments(std::string directory) : directory_(std::move(directory)) {}

  // Makes the directory and lists it; half-made files are removed. Unavailable names the path.
  absl::Status Open();

  // Oldest first.
  const std::vector<SegmentFile>& files() const { return files_; }

  std::string PathOf(const SegmentFile& file) const { return directory_ + "/" + file.Name(); }

  // An empty file for records from `start` on; its head is written. Returns its descriptor.
  absl::StatusOr<int> Add(absl::Time start);

  // The newest has grown.
  void Grow(int64_t bytes) { files_.back().bytes += bytes; }

  // The newest holds nothing but its head.
  bool NewestIsEmpty() const;
  void RemoveNewest();

  int64_t bytes() const;

  // Removes from the oldest on until `most` bytes and nothing that ended before `oldest` are left; the
  // newest stays.
  void Trim(int64_t most, absl::Time oldest);

  // Puts `bytes` in the place of the full segment `number`.
  absl::Status Replace(uint64_t number, const std::string& bytes);

 private:
  std::string directory_;
  std::vector<SegmentFile> files_;
  uint64_t last_ = 0;
};

// The bytes of a file; what cannot be read is missing at the end.
std::string ReadWhole(const std::string& path);

// All of `bytes`, or Unavailable with the system's words; some may have been written then.
absl::Status WriteAll(int file, const std::string& bytes);

}  // namespace drover::controller
