#include "cli/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <ostream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace drover::cli {
namespace {

// Length of the escape sequence at the front of `text`; 0 when there is none.
size_t EscapeLength(absl::string_view text) {
  if (text.size() < 2 || text[0] != '\x1b' || text[1] != '[') {
    return 0;
  }
  const size_t end = text.find_first_not_of("0123456789;", 2);
  return end == absl::string_view::npos ? text.size() : end + 1;
}

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

std::string Paint(absl::string_view text, Color color, bool on) {
  static const char* const kCodes[] = {"0", "1", "2", "31", "32", "33", "36"};
  if (!on || color == Color::kNone || text.empty()) {
    return std::string(text);
  }
  return absl::StrCat("\x1b[", kCodes[static_cast<size_t>(color)], "m", text, "\x1b[0m");
}

size_t DisplayWidth(absl::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    if (const size_t escape = EscapeLength(text); escape > 0) {
      text.remove_prefix(escape);
      continue;
    }
    width += IsContinuation(text[0]) ? 0 : 1;
    text.remove_prefix(1);
  }
  return width;
}

std::string Truncate(absl::string_view text, size_t width) {
  std::string out;
  size_t used = 0;
  while (!text.empty()) {
    if (const size_t escape = EscapeLength(text); escape > 0) {
      absl::StrAppend(&out, text.substr(0, escape));
      text.remove_prefix(escape);
      continue;
    }
    used += IsContinuation(text[0]) ? 0 : 1;
    if (used <= width) {
      out += text[0];
    }
    text.remove_prefix(1);
  }
  return out;
}

TerminalSize GetTerminalSize() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return {};
  }
  return {.columns = size.ws_col, .rows = size.ws_row};
}

void LiveRegion::Draw(const std::string& text) {
  const TerminalSize size = GetTerminalSize();
  std::vector<std::string> lines = absl::StrSplit(absl::StripSuffix(text, "\n"), '\n');
  lines.resize(std::min(lines.size(), size.rows - 1));
  std::string frame;
  if (lines_ > 0) {
    absl::StrAppend(&frame, "\x1b[", lines_, "A");
  }
  frame += "\r\x1b[J";
  for (const std::string& line : lines) {
    absl::StrAppend(&frame, Truncate(line, size.columns), "\n");
  }
  lines_ = lines.size();
  out_ << frame << std::flush;
}

RawKeyboard::RawKeyboard() {
  if (isatty(STDIN_FILENO) == 0 || tcgetattr(STDIN_FILENO, &saved_) != 0) {
    return;
  }
  termios raw = saved_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  active_ = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

RawKeyboard::~RawKeyboard() {
  if (active_) {
    tcsetattr(STDIN_FILENO, TCSANOW, &saved_);
  }
}

char RawKeyboard::Wait(absl::Duration timeout) {
  pollfd input{.fd = active_ ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0};
  char key = '\0';
  if (poll(&input, 1, static_cast<int>(absl::ToInt64Milliseconds(timeout))) > 0 &&
      read(STDIN_FILENO, &key, 1) != 1) {
    return '\0';
  }
  return key;
}

}  // namespace drover::cli
