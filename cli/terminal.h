// What the command line knows of the terminal: colours, size, a region that is redrawn, single keys.
#pragma once

#include <termios.h>

#include <iosfwd>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace drover::cli {

enum class Color { kNone, kBold, kDim, kRed, kGreen, kYellow, kCyan };

// `text` in `color`, or as it is when `on` is false.
std::string Paint(absl::string_view text, Color color, bool on);

// Columns that `text` takes on the screen: UTF-8 sequences count one, escape sequences nothing.
size_t DisplayWidth(absl::string_view text);
// The first `width` columns of `text`; escape sequences are kept.
std::string Truncate(absl::string_view text, size_t width);

struct TerminalSize {
  size_t columns = 80;
  size_t rows = 24;
};

// Of standard output; 80×24 when it is no terminal.
TerminalSize GetTerminalSize();

// Text at the end of the output that is replaced by the next.
class LiveRegion {
 public:
  explicit LiveRegion(std::ostream& out) : out_(out) {}

  // Replaces what was drawn last; lines are cut to the terminal's size.
  void Draw(const std::string& text);

 private:
  std::ostream& out_;
  size_t lines_ = 0;
};

// Standard input key by key without echo, as long as it lives. Does nothing when it is no terminal.
class RawKeyboard {
 public:
  RawKeyboard();
  ~RawKeyboard();
  RawKeyboard(const RawKeyboard&) = delete;
  RawKeyboard& operator=(const RawKeyboard&) = delete;

  // The next key within `timeout`, or '\0'. Without a terminal it only waits.
  char Wait(absl::Duration timeout);

 private:
  bool active_ = false;
  termios saved_{};
};

}  // namespace drover::cli
