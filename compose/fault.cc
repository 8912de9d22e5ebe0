#include "compose/fault.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/utf8.h"

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

void RequireUtf8(absl::string_view text, const Mark& mark, FaultList& faults) {
  const size_t at = FindInvalidUtf8(text);
  if (at != absl::string_view::npos) {
    faults.Add(mark, absl::StrFormat(
                         "the byte 0x%02x in it is not UTF-8; save the file, or set the variable, as UTF-8",
                         static_cast<unsigned char>(text[at])));
  }
}

}  // namespace drover::compose
