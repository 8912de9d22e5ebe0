// Where checkers say what is broken. The first one counts; the simulation ends there.
#pragma once

#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace drover::sim {

class World;
class Host;

class Sink {
 public:
  void Break(absl::string_view invariant, std::string what) {
    if (!broken_) {
      broken_ = true;
      invariant_ = std::string(invariant);
      what_ = std::move(what);
    }
  }

  bool broken() const { return broken_; }

  const std::string& invariant() const { return invariant_; }

  const std::string& what() const { return what_; }

 private:
  bool broken_ = false;
  std::string invariant_;
  std::string what_;
};

}  // namespace drover::sim
