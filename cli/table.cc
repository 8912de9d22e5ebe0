#include "cli/table.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace drover::cli {

void Table::AddRow(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::ToText() const {
  std::vector<size_t> widths;
  std::vector<bool> shown;
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t width = DisplayWidth(columns_[i].title);
    bool any = false;
    for (const auto& row : rows_) {
      width = std::max(width, DisplayWidth(row[i]));
      any = any || !row[i].empty();
    }
    widths.push_back(width);
    shown.push_back(any || rows_.empty());
  }
  std::string out;
  auto add_line = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      if (!shown[i]) {
        continue;
      }
      const std::string cell = cells[i].empty() ? "-" : cells[i];
      const std::string pad(widths[i] - std::min(widths[i], DisplayWidth(cell)), ' ');
      const bool right = columns_[i].align == Align::kRight;
      absl::StrAppend(&line, line.empty() ? "" : "  ", right ? pad : "", cell, right ? "" : pad);
    }
    while (!line.empty() && line.back() == ' ') {
      line.pop_back();
    }
    absl::StrAppend(&out, line, "\n");
  };
  std::vector<std::string> titles;
  for (const Column& column : columns_) {
    titles.push_back(Paint(column.title, Color::kDim, color_));
  }
  add_line(titles);
  for (const auto& row : rows_) {
    add_line(row);
  }
  return out;
}

std::string ShortDuration(absl::Duration duration) {
  const int64_t seconds = std::max<int64_t>(0, absl::ToInt64Seconds(duration));
  if (seconds < 120) {
    return absl::StrCat(seconds, "s");
  }
  if (seconds < 2 * 3600) {
    return absl::StrCat(seconds / 60, "m");
  }
  if (seconds < 48 * 3600) {
    return absl::StrCat(seconds / 3600, "h");
  }
  return absl::StrCat(seconds / 86400, "d");
}

std::string CpuText(int64_t milli) {
  return absl::StrCat(NumberText(static_cast<double>(milli) / 1000), " CPU");
}

std::string BytesText(int64_t bytes) {
  static const char* const kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return value < 10 && unit > 0 ? absl::StrFormat("%.1f %s", value, kUnits[unit])
                                : absl::StrFormat("%.0f %s", value, kUnits[unit]);
}

std::string NumberText(double number) {
  if (!std::isfinite(number)) {
    return "?";
  }
  std::string text = absl::StrFormat("%.2f", number);
  while (text.back() == '0') {
    text.pop_back();
  }
  return std::string(absl::StripSuffix(text, "."));
}

}  // namespace drover::cli
