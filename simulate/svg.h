// Line and scatter plots as inline SVG: no scripts, nothing from outside.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace drover::simulate {

struct Series {
  std::string name;
  size_t color = 0;  // index into the palette, which repeats
  bool dots = false;
  std::vector<std::pair<double, double>> points;  // in order
  std::vector<std::string> notes;                 // of the points, shown by pointing at them; may be empty
};

struct Plot {
  std::string title;
  std::string x_label;
  std::string y_label;
  bool log_y = false;     // by powers of ten, from `least_y` on: what is below stands there
  double least_y = 0.01;  // only with log_y
  double from_x = 0;      // left end of the axis
  std::vector<Series> series;
};

// An <svg> element with axes, grid and legend.
std::string ToSvg(const Plot& plot);

// `text` with &, <, > and quotes as entities.
std::string Escaped(const std::string& text);

// A step of 1, 2 or 5 times a power of ten that cuts `range` (> 0) into at most `most` parts.
double NiceStep(double range, int most);

}  // namespace drover::simulate
