#include "compose/fault.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace drover::compose {

std::string ToString(const Fault& fault) {
  std::string place = fault.file;
  if (fault.line > 0) {
    absl::StrAppend(&place, ":", fault.line, ":", fault.column);
  }
  return absl::StrCat(place, place.empty() ? "" : ": ", fault.warning ? "warning: " : "", fault.message);
}

void FaultList::Put(std::vector<Fault>& list, const Mark& mark, absl::string_view message, bool warning) {
  Fault fault{.file = mark.source ? mark.source->name : "",
              .line = mark.line,
              .column = mark.column,
              .message = std::string(message),
              .warning = warning};
  if (std::find(list.begin(), list.end(), fault) == list.end()) {
    list.push_back(std::move(fault));
  }
}

}  // namespace drover::compose
