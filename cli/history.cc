#include "cli/history.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/runtime/history/records.h"

namespace drover::cli {
namespace {

absl::Time TimeOf(int64_t unix_ns) {
  return unix_ns == 0 ? absl::InfiniteFuture() : absl::FromUnixNanos(unix_ns);
}

class HistoryReader {
 public:
  explicit HistoryReader(const HistoryVisitor& visitor) : visitor_(visitor) {}

  void Take(const v1::HistoryRecord& record) {
    if (record.has_evaluation()) {
      TakeEvaluation(record);
    } else if (record.has_mean()) {
      visitor_.mean(record);
    } else if (record.has_end()) {
      extent_ = HistoryExtent{.earliest = TimeOf(record.end().earliest_ns()),
                              .full_from = TimeOf(record.end().full_from_ns())};
    }
  }

  // Absent before the end was read.
  const std::optional<HistoryExtent>& extent() const { return extent_; }

 private:
  void TakeEvaluation(const v1::HistoryRecord& record) {
    const auto decoded = decoder_.Decode(record);
    if (!decoded) {
      lost_ |= record.evaluation().now_ns() != 0;  // 0: thinned, its decision alone is kept
      return;
    }
    const bool gap = decoded->gap || (lost_ && begun_);
    if (gap) {
      replayer_.Forget();
    }
    if (const auto again = replayer_.Next(decoded->evaluation)) {
      begun_ = true;
      visitor_.decision({.evaluation = decoded->evaluation,
                         .again = *again,
                         .equal = controller::DecisionSum(*again) == decoded->sum,
                         .gap = gap});
    }
    lost_ = false;
  }

  const HistoryVisitor& visitor_;
  controller::HistoryDecoder decoder_;
  controller::Replayer replayer_;
  bool begun_ = false;
  bool lost_ = false;
  std::optional<HistoryExtent> extent_;
};

}  // namespace

absl::StatusOr<HistoryExtent> ReadHistory(const Client& client, const std::string& stack,
                                          const std::string& service, const std::string& since,
                                          const HistoryVisitor& visitor) {
  HistoryReader reader(visitor);
  absl::Status fault;
  const std::string path =
      absl::StrCat("/v1/services/", stack, "/", service, "/history", Query({{"since", since}}));
  const absl::Status status =
      client.Stream({.path = path, .body = nullptr, .last_event_id = ""}, [&](const std::string& data) {
        v1::HistoryRecord record;
        fault = FromJson(data, &record);
        if (fault.ok()) {
          reader.Take(record);
        }
        return fault.ok();
      });
  if (!fault.ok()) {
    return fault;
  }
  if (reader.extent()) {
    return *reader.extent();
  }
  return status.ok() ? absl::UnavailableError("the history ended too early") : status;
}

}  // namespace drover::cli
