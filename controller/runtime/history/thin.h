// What a segment becomes when full resolution is over: means of ten seconds instead of evaluations.
// Decisions that said something new, what carrying them out came to, and events stay.
#pragma once

#include <map>
#include <string>

#include "controller/runtime/history/records.h"
#include "controller/runtime/history/segment.h"

namespace drover::controller {

constexpr Duration kMeanSpan = absl::Seconds(10);

class Thinner {
 public:
  // Takes the next frame of the segment and appends what is kept to `out`.
  void Take(const Frame& frame, std::string& out);

  // The means that are still open.
  void Finish(std::string& out);

 private:
  struct Sums {
    uint32_t known = 0;
    double total = 0;
    double least = 0;
    double most = 0;
    double reserved = 0;
  };

  // Of one service.
  struct Open {
    HistoryDecoder decoder;
    int64_t span = 0;  // number of the ten seconds since 1970
    v1::HistoryRecord mean;
    double ready = 0;
    std::vector<Sums> sums;
    std::string spec;  // the last that was written
  };

  void Add(const Evaluation& evaluation, Open& open, std::string& out);
  void Close(Open& open, std::string& out);

  std::map<ServiceKey, Open> open_;
};

}  // namespace drover::controller
