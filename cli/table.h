// Aligned tables for people.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cli/terminal.h"

namespace drover::cli {

class Table {
 public:
  enum class Align { kLeft, kRight };

  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  // `color`: the titles are dim and cells may be painted.
  Table(std::vector<Column> columns, bool color) : columns_(std::move(columns)), color_(color) {}

  // As many cells as there are columns. Cells may be painted; an empty one shows as "-".
  void AddRow(std::vector<std::string> cells);

  bool empty() const { return rows_.empty(); }

  // Titles and rows, two blanks between columns, none at the end of a line. Columns that are empty in
  // every row are left out.
  std::string ToText() const;

 private:
  std::vector<Column> columns_;
  bool color_;
  std::vector<std::vector<std::string>> rows_;
};

// "45s", "12m", "3h", "5d": one unit, rounded down; "0s" when negative.
std::string ShortDuration(absl::Duration duration);
// "0.5 CPU" of thousandths.
std::string CpuText(int64_t milli);
// "128 MiB".
std::string BytesText(int64_t bytes);
// Up to two digits after the point, none when they are zero: "12", "0.5".
std::string NumberText(double number);

}  // namespace drover::cli
