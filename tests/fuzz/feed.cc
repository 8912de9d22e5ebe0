#include "tests/fuzz/feed.h"

#include <bit>
#include <limits>

namespace drover::fuzz {

uint8_t Feed::Byte() {
  if (left_ == 0) {
    return 0;
  }
  --left_;
  return *data_++;
}

uint64_t Feed::Raw() {
  uint64_t bits = 0;
  for (int i = 0; i < 8; ++i) {
    bits = bits << 8 | Byte();
  }
  return bits;
}

uint64_t Feed::Whole() {
  switch (const uint8_t choice = Byte()) {
    case 255:
      return Raw();
    case 254:
      return std::numeric_limits<uint64_t>::max();
    case 253:
      return std::numeric_limits<int64_t>::max();
    case 252:
      return std::numeric_limits<uint32_t>::max();
    case 251:
      return std::numeric_limits<int32_t>::max();
    case 250:
      return uint64_t{1} << 63;
    case 249:
      return Byte() * uint64_t{1000};
    default:
      return choice;
  }
}

double Feed::Real() {
  using Limits = std::numeric_limits<double>;
  switch (const uint8_t choice = Byte()) {
    case 255:
      return std::bit_cast<double>(Raw());
    case 254:
      return Limits::quiet_NaN();
    case 253:
      return Limits::infinity();
    case 252:
      return -Limits::infinity();
    case 251:
      return -1;
    case 250:
      return Limits::max();
    case 249:
      return Limits::denorm_min();
    case 248:
      return -0.0;
    case 247:
      return 9.3e18;
    case 246:
      return Byte() * 1000.0;
    case 245:
      return Byte() / 10.0;
    default:
      return choice;
  }
}

}  // namespace drover::fuzz
