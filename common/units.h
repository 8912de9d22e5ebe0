// Quantities as types. Only the arithmetic that makes sense exists.
#pragma once

#include <compare>
#include <cstdint>

namespace drover {

template <typename Tag>
class Quantity {
 public:
  constexpr Quantity() = default;

  constexpr explicit Quantity(int64_t value) : value_(value) {}

  constexpr int64_t value() const { return value_; }

  friend constexpr auto operator<=>(Quantity a, Quantity b) = default;

  friend constexpr Quantity operator+(Quantity a, Quantity b) { return Quantity(a.value_ + b.value_); }

  friend constexpr Quantity operator-(Quantity a, Quantity b) { return Quantity(a.value_ - b.value_); }

  friend constexpr Quantity operator*(Quantity a, int64_t n) { return Quantity(a.value_ * n); }

  Quantity& operator+=(Quantity b) {
    value_ += b.value_;
    return *this;
  }

  Quantity& operator-=(Quantity b) {
    value_ -= b.value_;
    return *this;
  }

 private:
  int64_t value_ = 0;
};

using MilliCpu = Quantity<struct MilliCpuTag>;  // thousandths of one CPU
using Bytes = Quantity<struct BytesTag>;

// What replicas reserve and nodes offer.
struct Resources {
  MilliCpu cpu;
  Bytes memory;

  friend constexpr bool operator==(const Resources&, const Resources&) = default;

  friend constexpr Resources operator+(Resources a, Resources b) {
    return {a.cpu + b.cpu, a.memory + b.memory};
  }

  friend constexpr Resources operator-(Resources a, Resources b) {
    return {a.cpu - b.cpu, a.memory - b.memory};
  }
};

// True when `need` fits into `room` in every dimension. Shared by placement and admission, so that
// they cannot disagree.
constexpr bool Fits(Resources need, Resources room) {
  return need.cpu <= room.cpu && need.memory <= room.memory;
}

// ceil(a / b) for a >= 0, b > 0.
constexpr int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace drover
