#include "cli/history.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/runtime/history/records.h"

namespace drover::cli {

absl::StatusOr<ServiceHistory> ReadHistory(const Client& client, const std::string& stack,
                                           const std::string& service, const std::string& since) {
  ServiceHistory out;
  controller::HistoryDecoder decoder;
  absl::Status fault;
  bool ended = false;
  const std::string path =
      absl::StrCat("/v1/services/", stack, "/", service, "/history", Query({{"since", since}}));
  const absl::Status status =
      client.Stream({.path = path, .body = nullptr, .last_event_id = ""}, [&](const std::string& data) {
        v1::HistoryRecord record;
        fault = FromJson(data, &record);
        if (!fault.ok()) {
          return false;
        }
        if (record.has_evaluation()) {
          if (auto decoded = decoder.Decode(record)) {
            out.evaluations.push_back(std::move(decoded->evaluation));
            out.sums.push_back(decoded->sum);
          }
        } else if (record.has_mean()) {
          out.means.push_back(std::move(record));
        } else if (record.has_end()) {
          const int64_t full_from = record.end().full_from_ns();
          out.full_from = full_from == 0 ? absl::InfiniteFuture() : absl::FromUnixNanos(full_from);
          ended = true;
        }
        return true;
      });
  if (!fault.ok()) {
    return fault;
  }
  if (ended) {
    return out;
  }
  return status.ok() ? absl::UnavailableError("the history ended too early") : status;
}

}  // namespace drover::cli
