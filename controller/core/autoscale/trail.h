// A value over the last while, in bounded memory: at most one point per sixteenth of the span.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

namespace drover::controller {

// Times in seconds, on any clock that does not go back. Between points the value is linear.
class Trail {
 public:
  struct Point {
    double at = 0;
    double value = 0;
  };

  Trail() = default;

  // With what another remembered, oldest first.
  explicit Trail(const std::vector<Point>& points);

  // Remembers `value` at `at`; points closer to the last one than span / 16 replace it.
  void Add(double at, double value, double span);

  // The value at `at`; absent when the trail does not reach back to it.
  std::optional<double> At(double at) const;

  void Clear() { size_ = 0; }

  // All that it remembers, oldest first; for the history.
  std::vector<Point> points() const;

 private:
  static constexpr size_t kPoints = 24;

  void Append(const Point& point);

  const Point& Newest(size_t back) const { return points_[(next_ + kPoints - 1 - back) % kPoints]; }

  std::array<Point, kPoints> points_ = {};
  size_t next_ = 0;
  size_t size_ = 0;
};

}  // namespace drover::controller
