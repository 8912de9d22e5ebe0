#include "controller/runtime/http/log_stream.h"

#include <utility>

#include "absl/strings/string_view.h"
#include "common/utf8.h"
#include "controller/runtime/http/sse.h"

namespace drover::controller {
namespace {

constexpr size_t kLinesWaiting = 4096;
constexpr size_t kLongestLine = 64 << 10;
constexpr uint64_t kPollsPerSignOfLife = 20;

}  // namespace

LogStream::~LogStream() {
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
  }
  drained_.notify_all();
  for (Reader& reader : readers_) {
    reader.thread.join();
  }
}

void LogStream::Add(std::string name, std::unique_ptr<OutputStream> output) {
  const std::lock_guard lock(mutex_);
  readers_.remove_if([](Reader& reader) {
    if (reader.ended) {
      reader.thread.join();
    }
    return reader.ended;
  });
  ++reading_;
  Reader& reader = readers_.emplace_back();
  reader.thread = std::thread([this, &reader, name = std::move(name), output = std::move(output)]() mutable {
    Read(name, *output);
    const std::lock_guard done(mutex_);
    --reading_;
    reader.ended = true;
    filled_.notify_all();
  });
}

size_t LogStream::reading() const {
  const std::lock_guard lock(mutex_);
  return reading_;
}

void LogStream::AddFault(const std::string& name, const absl::Status& status) {
  v1::LogLine line;
  line.set_replica_name(name);
  line.set_error(std::string(status.message()));
  Put(line);
}

bool LogStream::Next(std::string& out) {
  if (refill_ && !refill_(*this)) {
    refill_ = nullptr;
  }
  std::unique_lock lock(mutex_);
  filled_.wait_for(lock, absl::ToChronoNanoseconds(api_.stream_poll),
                   [this] { return !lines_.empty() || (reading_ == 0 && !refill_); });
  if (lines_.empty()) {
    if ((reading_ == 0 && !refill_) || *api_.stopping) {
      return false;
    }
    if (++silent_ % kPollsPerSignOfLife == 1) {
      out += SseComment("alive");
    }
    return true;
  }
  for (; !lines_.empty(); lines_.pop_front()) {
    out += SseFrame(0, "", lines_.front());
  }
  drained_.notify_all();
  return !*api_.stopping;
}

void LogStream::Put(const v1::LogLine& line) {
  std::string json = ToJson(line);
  std::unique_lock lock(mutex_);
  drained_.wait(lock, [this] { return lines_.size() < kLinesWaiting || cancelled_; });
  lines_.push_back(std::move(json));
  filled_.notify_all();
}

bool LogStream::cancelled() const {
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

void LogStream::Read(const std::string& name, OutputStream& output) {
  std::map<uint32_t, std::string> partial;  // by source: what has no line end yet
  while (!cancelled()) {
    absl::StatusOr<OutputChunk> chunk = output.Next(api_.stream_poll);
    if (absl::IsDeadlineExceeded(chunk.status())) {
      continue;
    }
    if (!chunk.ok()) {
      FlushPartial(name, partial);
      AddFault(name, chunk.status());
      return;
    }
    SplitLines(name, *chunk, partial[chunk->source]);
    if (chunk->end) {
      FlushPartial(name, partial);
      if (!chunk->error.empty()) {
        AddFault(name, absl::UnavailableError(chunk->error));
      }
      return;
    }
  }
}

void LogStream::SplitLines(const std::string& name, const OutputChunk& chunk, std::string& partial) {
  partial += chunk.data;
  size_t start = 0;
  for (size_t end = partial.find('\n'); end != std::string::npos; end = partial.find('\n', start)) {
    PutLine(name, chunk.source, partial.substr(start, end - start));
    start = end + 1;
  }
  partial.erase(0, start);
  if (partial.size() > kLongestLine) {
    PutLine(name, chunk.source, partial);
    partial.clear();
  }
}

void LogStream::FlushPartial(const std::string& name, std::map<uint32_t, std::string>& partial) {
  for (auto& [source, text] : partial) {
    if (!text.empty()) {
      PutLine(name, source, std::move(text));
    }
  }
  partial.clear();
}

void LogStream::PutLine(const std::string& name, uint32_t source, std::string text) {
  if (!text.empty() && text.back() == '\r') {
    text.pop_back();
  }
  v1::LogLine line;
  line.set_replica_name(name);
  line.set_source(source);
  line.set_text(ValidUtf8(std::move(text)));  // what a container writes may be anything
  Put(line);
}

}  // namespace drover::controller
