#include "controller/core/autoscale/trail.h"

#include <algorithm>

namespace drover::controller {

Trail::Trail(const std::vector<Point>& points) {
  for (const Point& point : points) {
    Append(point);
  }
}

void Trail::Append(const Point& point) {
  points_[next_] = point;
  next_ = (next_ + 1) % kPoints;
  size_ = std::min(size_ + 1, kPoints);
}

void Trail::Add(double at, double value, double span) {
  // The newest point moves with the present until the one before it is far enough away.
  if (size_ >= 2 && at - Newest(1).at < span / 16) {
    next_ = (next_ + kPoints - 1) % kPoints;
    --size_;
  }
  Append({.at = at, .value = value});
}

std::vector<Trail::Point> Trail::points() const {
  std::vector<Point> points;
  for (size_t back = size_; back > 0; --back) {
    points.push_back(Newest(back - 1));
  }
  return points;
}

std::optional<double> Trail::At(double at) const {
  for (size_t back = 0; back < size_; ++back) {
    const Point& point = Newest(back);
    if (point.at > at) {
      continue;
    }
    if (back == 0 || point.at == at) {
      return point.value;
    }
    const Point& after = Newest(back - 1);
    return point.value + (after.value - point.value) * (at - point.at) / (after.at - point.at);
  }
  return std::nullopt;
}

}  // namespace drover::controller
