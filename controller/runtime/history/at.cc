#include "controller/runtime/history/at.h"

#include <deque>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "controller/core/autoscale/conditions.h"
#include "controller/runtime/convert.h"
#include "controller/runtime/history/records.h"

namespace drover::controller {
namespace {

constexpr size_t kEvents = 10;

// Reads on and keeps what is in force.
class Finder {
 public:
  void Take(const v1::HistoryRecord& record) {
    if (record.has_evaluation()) {
      TakeEvaluation(record);
    } else if (record.has_outcome()) {
      TakeOutcome(record.outcome());
    } else if (record.has_event()) {
      events_.push_front(record.event());
      if (events_.size() > kEvents) {
        events_.pop_back();
      }
    } else if (record.has_mean()) {
      TakeMean(record.mean());
    }
  }

  bool found() const { return decision_.has_value(); }

  PastDecision Finish() {
    PastDecision out;
    out.decision = *std::move(decision_);
    out.decision.blocked = blocked_;
    out.last_change = std::move(last_change_);
    out.spec = spec_;
    out.events.assign(events_.begin(), events_.end());
    if (thinned_) {
      out.note = absl::StrCat(
          "only means of 10 s are kept of that time: the count and the reasons are those "
          "then in force, the figures those of ",
          TimeText(out.decision.at));
    } else if (!exact_) {
      out.note = absl::StrCat(
          "the record of that moment is damaged, or another version of the controller made it: shown is the "
          "last decision that was kept as it was, with the figures of ",
          TimeText(out.decision.at));
    }
    return out;
  }

 private:
  void TakeEvaluation(const v1::HistoryRecord& record) {
    const auto decoded = decoder_.Decode(record);
    if (!decoded) {
      exact_ = record.evaluation().has_decision();
      if (exact_) {
        thinned_ = record.evaluation().now_ns() == 0;
        Keep(ToCore(record.evaluation().decision()));
      }
      return;
    }
    thinned_ = false;
    spec_ = decoded->evaluation.spec;
    if (decoded->gap) {
      replayer_.Forget();
    }
    std::optional<Decision> made = replayer_.Next(decoded->evaluation);
    exact_ = made && DecisionSum(*made) == decoded->sum;
    if (decoded->evaluation.decision != nullptr) {
      exact_ = true;
      Keep(*decoded->evaluation.decision);
    } else if (exact_) {
      Keep(*std::move(made));
    }
  }

  void TakeOutcome(const v1::HistoryOutcome& outcome) {
    blocked_.assign(outcome.blocked().begin(), outcome.blocked().end());
    v1::Decision carrier;
    *carrier.mutable_choices() = outcome.choices();
    const Decision choices = ToCore(carrier);
    if (decision_ && decision_->id == outcome.decision() && !choices.choices.empty()) {
      decision_->choices = choices.choices;
    }
    if (last_change_ && last_change_->id == outcome.decision() && !choices.choices.empty()) {
      last_change_->choices = choices.choices;
    }
  }

  void TakeMean(const v1::HistoryMean& mean) {
    thinned_ = true;
    if (mean.has_spec()) {
      spec_ = std::make_shared<const AutoscaleSpec>(ToCore(mean.spec()));
    }
  }

  void Keep(Decision decision) {
    if (decision.desired != decision.current) {
      last_change_ = decision;
    }
    decision_ = std::move(decision);
  }

  HistoryDecoder decoder_;
  Replayer replayer_;
  std::optional<Decision> decision_;
  std::optional<Decision> last_change_;
  std::shared_ptr<const AutoscaleSpec> spec_;
  std::vector<std::string> blocked_;
  std::deque<v1::Event> events_;
  bool exact_ = true;
  bool thinned_ = false;
};

}  // namespace

absl::StatusOr<PastDecision> DecisionAt(HistoryLog& history, const ServiceKey& service, absl::Time at) {
  ASSIGN_OR_RETURN(const std::unique_ptr<HistoryCursor> cursor, history.Read(service, at, at));
  Finder finder;
  v1::HistoryRecord record;
  while (const std::optional<std::string> bytes = cursor->Next()) {
    if (record.ParseFromString(*bytes)) {
      finder.Take(record);
    }
  }
  if (finder.found()) {
    return finder.Finish();
  }
  const HistoryLog::Kept kept = history.kept();
  if (!kept.earliest) {
    return absl::NotFoundError("no history is kept yet");
  }
  if (at < *kept.earliest) {
    return absl::NotFoundError(absl::StrCat(TimeText(at), " is before what is kept; the history begins at ",
                                            TimeText(*kept.earliest)));
  }
  return absl::NotFoundError(absl::StrCat("nothing had been decided about ", ToString(service), " by ",
                                          TimeText(at), "; the history begins at ",
                                          TimeText(*kept.earliest)));
}

absl::StatusOr<absl::Time> ParsePastTime(const std::string& text, absl::Time now) {
  absl::Time time;
  std::string error;
  Duration ago;
  int64_t days = 0;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    if (time > now) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", text, "\" is still to come; it is ", TimeText(now)));
    }
    return time;
  }
  if (!text.empty() && text.back() == 'd' && absl::SimpleAtoi(text.substr(0, text.size() - 1), &days) &&
      days < 100'000) {
    ago = absl::Hours(24 * days);
  } else if (!absl::ParseDuration(text, &ago)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\" must be a time like 2026-11-22T03:10:00Z, or how long ago, like 10m, 2h, 3d"));
  }
  if (ago < absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is still to come; write 10m for ten minutes ago"));
  }
  return now - ago;
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", time, absl::UTCTimeZone());
}

}  // namespace drover::controller
