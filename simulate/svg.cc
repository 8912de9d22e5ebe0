#include "simulate/svg.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace drover::simulate {
namespace {

constexpr double kWidth = 860;
constexpr double kHeight = 260;
constexpr double kLeft = 64;
constexpr double kRight = 180;  // room for the legend
constexpr double kTop = 28;
constexpr double kBottom = 40;
constexpr int kTicks = 8;

const char* ColorOf(size_t index) {
  // Told apart also without red and green.
  static constexpr const char* kPalette[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#6b6b6b",
                                             "#e69f00", "#56b4e9", "#7a3e9d", "#a0522d", "#111111"};
  return kPalette[index % std::size(kPalette)];
}

// From values to places on the drawing.
class Scale {
 public:
  explicit Scale(const Plot& plot) : plot_(plot), low_x_(plot.from_x), high_x_(plot.from_x) {
    double high = plot.log_y ? 1 : 0;
    for (const Series& series : plot.series) {
      for (const auto& [x, y] : series.points) {
        high_x_ = std::max(high_x_, x);
        high = std::max(high, y);
      }
    }
    high_x_ = high_x_ > low_x_ ? high_x_ : low_x_ + 1;
    low_y_ = Bent(plot.log_y ? plot.least_y : 0);
    high_y_ = plot.log_y ? std::ceil(Bent(high)) : high > 0 ? high * 1.05 : 1;
  }

  double X(double x) const { return kLeft + (x - low_x_) / (high_x_ - low_x_) * (kWidth - kLeft - kRight); }

  double Y(double y) const {
    return kHeight - kBottom - (Bent(y) - low_y_) / (high_y_ - low_y_) * (kHeight - kTop - kBottom);
  }

  std::vector<double> TicksX() const { return Ticks(low_x_, high_x_); }

  std::vector<double> TicksY() const {
    if (!plot_.log_y) {
      return Ticks(0, high_y_);
    }
    std::vector<double> ticks;
    for (double power = std::ceil(low_y_); power <= high_y_; ++power) {
      ticks.push_back(std::pow(10, power));
    }
    return ticks;
  }

 private:
  double Bent(double y) const { return plot_.log_y ? std::log10(std::max(y, plot_.least_y)) : y; }

  static std::vector<double> Ticks(double low, double high) {
    const double step = NiceStep(high - low, kTicks);
    std::vector<double> ticks;
    for (double at = std::ceil(low / step) * step; at <= high + step * 1e-9; at += step) {
      ticks.push_back(at);
    }
    return ticks;
  }

  const Plot& plot_;
  double low_x_;
  double high_x_;
  double low_y_ = 0;
  double high_y_ = 1;
};

std::string Text(double x, double y, const char* anchor, const std::string& text) {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>", x, y, anchor,
                         Escaped(text));
}

std::string Axes(const Plot& plot, const Scale& scale) {
  std::string out = Text(kLeft, 16, "start", plot.title);
  const double bottom = kHeight - kBottom;
  for (const double x : scale.TicksX()) {
    absl::StrAppendFormat(&out, "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>", scale.X(x), kTop, bottom);
    absl::StrAppend(&out, Text(scale.X(x), bottom + 14, "middle", absl::StrFormat("%.6g", x)));
  }
  for (const double y : scale.TicksY()) {
    absl::StrAppendFormat(&out, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>", kLeft, scale.Y(y),
                          kWidth - kRight);
    absl::StrAppend(&out, Text(kLeft - 6, scale.Y(y) + 4, "end", absl::StrFormat("%.6g", y)));
  }
  absl::StrAppend(&out, Text((kLeft + kWidth - kRight) / 2, kHeight - 8, "middle", plot.x_label));
  absl::StrAppendFormat(&out,
                        "<text transform=\"translate(14 %.1f) rotate(-90)\" text-anchor=\"middle\">%s</text>",
                        (kTop + bottom) / 2, Escaped(plot.y_label));
  return out;
}

std::string Drawn(const Series& series, const Scale& scale) {
  std::string path;
  std::string dots;
  for (size_t i = 0; i < series.points.size(); ++i) {
    const double x = scale.X(series.points[i].first);
    const double y = scale.Y(series.points[i].second);
    absl::StrAppendFormat(&path, "%s%.1f %.1f", i == 0 ? "M" : "L", x, y);
    if (series.dots) {
      const std::string note = i < series.notes.size() ? series.notes[i] : series.name;
      absl::StrAppendFormat(&dots,
                            "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"><title>%s</title></circle>",
                            x, y, ColorOf(series.color), Escaped(note));
    }
  }
  return absl::StrFormat("<path class=\"line\" stroke=\"%s\" d=\"%s\"/>%s", ColorOf(series.color), path,
                         dots);
}

}  // namespace

std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

double NiceStep(double range, int most) {
  const double power = std::pow(10, std::floor(std::log10(range / most)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (range / (factor * power) <= most) {
      return factor * power;
    }
  }
  return 10 * power;
}

std::string ToSvg(const Plot& plot) {
  const Scale scale(plot);
  std::string out = absl::StrFormat("<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\">", kWidth, kHeight);
  absl::StrAppend(&out, Axes(plot, scale));
  double legend = kTop + 8;
  for (const Series& series : plot.series) {
    absl::StrAppend(&out, Drawn(series, scale));
    absl::StrAppendFormat(&out, "<path class=\"line\" stroke=\"%s\" d=\"M%.1f %.1fh18\"/>",
                          ColorOf(series.color), kWidth - kRight + 10, legend - 4);
    absl::StrAppend(&out, Text(kWidth - kRight + 34, legend, "start", series.name));
    legend += 18;
  }
  return out + "</svg>\n";
}

}  // namespace drover::simulate
