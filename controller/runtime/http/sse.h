// Server-sent events: the text frames, and the stream of the controller's own events.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "controller/runtime/http/api.h"

namespace drover::controller {

// One frame: "id: …" when id is not 0, "event: …" when name is not empty, then `data`, which is one line.
std::string SseFrame(uint64_t id, absl::string_view name, absl::string_view data);
// A line that clients ignore; shows that the connection lives.
std::string SseComment(absl::string_view text);

struct EventFilter {
  std::string stack;    // empty: any
  std::string service;  // empty: any

  bool Passes(const EventRecord& event) const {
    return (stack.empty() || event.service.stack == stack) &&
           (service.empty() || event.service.service == service);
  }
};

// Events with id > since, for ever. Ends when the server stops, and, with an `error` frame, when the
// next event is no longer held: the watcher was too far behind (R13).
std::unique_ptr<ByteStream> MakeEventStream(const Api& api, uint64_t since, EventFilter filter,
                                            Gate::Ticket ticket);

}  // namespace drover::controller
