// A fuzz input as a stream of choices. Every sequence of bytes is a valid one; when the bytes are used up,
// every choice is the first one and `empty()` says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>

namespace drover::fuzz {

class Feed {
 public:
  Feed(const uint8_t* data, size_t size) : data_(data), left_(size) {}

  bool empty() const { return left_ == 0; }

  uint8_t Byte();

  // 0 to `end` - 1; `end` is 1 to 256.
  size_t Below(size_t end) { return Byte() % end; }

  // True for `of256` of the 256 values of a byte.
  bool Chance(int of256) { return Byte() >= 256 - of256; }

  // Small numbers, ends of ranges, or any.
  uint64_t Whole();

  int64_t Signed() { return static_cast<int64_t>(Whole()); }

  uint32_t Word() { return static_cast<uint32_t>(Whole()); }

  // Any double at all: small ones, NaN, infinities, negative, huge, denormal.
  double Real();

  template <typename T>
  T Pick(std::initializer_list<T> choices) {
    return *std::next(choices.begin(), static_cast<std::ptrdiff_t>(Below(choices.size())));
  }

 private:
  uint64_t Raw();

  const uint8_t* data_;
  size_t left_;
};

}  // namespace drover::fuzz
