#include "tests/fuzz/expect.h"

#include <cstdlib>
#include <iostream>

namespace drover::fuzz {

void Expect(bool holds, absl::string_view rule, const std::string& what) {
  if (!holds) {
    std::cerr << "broken: " << rule << (what.empty() ? "" : ": ") << what << std::endl;
    std::abort();
  }
}

}  // namespace drover::fuzz
