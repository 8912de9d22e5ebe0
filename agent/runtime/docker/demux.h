// Takes the engine's multiplexed output stream apart: frames of an 8-byte header (source, 0, 0, 0,
// big-endian length) and their data. A container with a terminal sends plain data instead.
#pragma once

#include <functional>
#include <string>

#include "absl/strings/string_view.h"

namespace drover::agent::docker {

class Demux {
 public:
  // `sink(source, data)` gets 1 (output) or 2 (error output); false ends the stream.
  Demux(bool tty, std::function<bool(int, absl::string_view)> sink);

  // Takes any piece of the stream, cut anywhere. False once `sink` said so.
  bool Feed(absl::string_view data);

 private:
  bool tty_;
  std::function<bool(int, absl::string_view)> sink_;
  std::string header_;    // what is there of the next header
  size_t remaining_ = 0;  // bytes of the frame's data still to come
  int source_ = 1;
};

}  // namespace drover::agent::docker
