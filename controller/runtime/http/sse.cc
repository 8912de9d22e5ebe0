#include "controller/runtime/http/sse.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/runtime/http/view_to_api.h"
#include "drover/v1/api.pb.h"

namespace drover::controller {
namespace {

constexpr size_t kPage = 256;
constexpr Duration kKeepAlive = absl::Seconds(10);

// Ids are epoch << 32 | count, without gaps inside an epoch.
bool SameEpoch(uint64_t a, uint64_t b) { return a >> 32 == b >> 32; }

class EventStream : public ByteStream {
 public:
  EventStream(const Api& api, uint64_t since, EventFilter filter, Gate::Ticket ticket)
      : api_(api), filter_(std::move(filter)), ticket_(std::move(ticket)), last_(since) {}

  bool Next(std::string& out) override {
    if (std::exchange(first_, false)) {
      out += "retry: 1000\n";
      out += SseComment("drover events");
      return !*api_.stopping;
    }
    const std::vector<EventRecord> events = api_.loop->Events(last_, kPage, api_.stream_poll);
    if (*api_.stopping) {
      return false;
    }
    if (!events.empty() && Lost(events.front().id)) {
      out += Behind(events.front().id);
      return false;
    }
    for (const EventRecord& event : events) {
      last_ = event.id;
      if (filter_.Passes(event)) {
        out += SseFrame(event.id, "", ToJson(EventToApi(event)));
      }
    }
    if (!out.empty()) {
      silent_ = {};
    } else if ((silent_ += api_.stream_poll) >= kKeepAlive) {
      silent_ = {};
      out += SseComment("alive");
    }
    return true;
  }

 private:
  bool Lost(uint64_t next) const { return last_ != 0 && SameEpoch(last_, next) && next != last_ + 1; }

  // The frame's id is where resuming goes on.
  std::string Behind(uint64_t next) const {
    v1::ApiError error;
    error.set_code("TooFarBehind");
    error.set_message(absl::StrCat("events up to ", next - 1, " are no longer held; resume from there"));
    return SseFrame(next - 1, "error", ToJson(error));
  }

  const Api api_;
  const EventFilter filter_;
  const Gate::Ticket ticket_;
  uint64_t last_;
  bool first_ = true;
  Duration silent_;
};

}  // namespace

std::string SseFrame(uint64_t id, absl::string_view name, absl::string_view data) {
  std::string frame;
  if (id != 0) {
    absl::StrAppend(&frame, "id: ", id, "\n");
  }
  if (!name.empty()) {
    absl::StrAppend(&frame, "event: ", name, "\n");
  }
  absl::StrAppend(&frame, "data: ", data, "\n\n");
  return frame;
}

std::string SseComment(absl::string_view text) { return absl::StrCat(": ", text, "\n\n"); }

std::unique_ptr<ByteStream> MakeEventStream(const Api& api, uint64_t since, EventFilter filter,
                                            Gate::Ticket ticket) {
  return std::make_unique<EventStream>(api, since, std::move(filter), std::move(ticket));
}

}  // namespace drover::controller
