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
    if (record.has_begin()) {
      since_ns_ = record.begin().since_ns();
    } else if (record.has_evaluation()) {
      TakeEvaluation(record);
    } else if (record.has_mean()) {
      TakeMean(record);
    } else if (record.has_end()) {
      extent_ = HistoryExtent{.earliest = TimeOf(record.end().earliest_ns()),
                              .full_from = TimeOf(record.end().full_from_ns())};
    }
  }

  // Absent before the end was read.
  const std::optional<HistoryExtent>& extent() const { return extent_; }

 private:
  // The spec stands in the first mean that has it.
  void TakeMean(const v1::HistoryRecord& record) {
    if (record.mean().has_spec()) {
      spec_ = record.mean().spec();
    }
    if (record.wall_ns() + record.mean().span_ns() <= since_ns_) {
      return;
    }
    if (v1::HistoryRecord first = record; spec_) {
      *first.mutable_mean()->mutable_spec() = *std::exchange(spec_, std::nullopt);
      visitor_.mean(first);
    } else {
      visitor_.mean(record);
    }
  }

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
                         .gap = gap,
                         .early = record.wall_ns() < since_ns_});
    }
    lost_ = false;
  }

  const HistoryVisitor& visitor_;
  int64_t since_ns_ = 0;
  std::optional<v1::AutoscaleSpec> spec_;  // of means that were not visited
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
