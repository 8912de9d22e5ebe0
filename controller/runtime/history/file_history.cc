#include "controller/runtime/history/file_history.h"

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/runtime/history/records.h"
#include "controller/runtime/history/segments.h"
#include "controller/runtime/history/thin.h"
#include "controller/runtime/logger.h"

namespace drover::controller {
namespace {

constexpr size_t kBufferBytes = 256 << 10;  // written at the latest when so much is waiting
constexpr size_t kThinStep = 1000;          // frames between two looks at the queue, and a pause
constexpr Duration kThinPause = absl::Milliseconds(10);
constexpr size_t kFrameOverhead = 16;
constexpr auto kTellPause = std::chrono::minutes(1);
constexpr auto kReadWait = std::chrono::seconds(2);

using Clock = std::chrono::steady_clock;

struct Batch {
  std::vector<HistoryItem> items;
  std::vector<EventRecord> events;
  bool after_gap = false;
  bool begins = false;  // evaluations in it and after it have their memory along, for a new file

  size_t size() const { return items.size() + events.size(); }
};

// Room in the queue: one a record, more for what brings many samples or a promise's memory along.
size_t CostOf(const Batch& batch) {
  constexpr size_t kSamplesPerRecord = 16;
  size_t cost = batch.size();
  for (const HistoryItem& item : batch.items) {
    if (const auto* evaluation = std::get_if<Evaluation>(&item)) {
      for (const SignalInput& signal : evaluation->input.signals) {
        cost += signal.replicas.size() / kSamplesPerRecord;
      }
      cost += evaluation->before ? evaluation->before->promises.size() : 0;
    }
  }
  return cost;
}

// One full segment on its way to means.
struct Thinning {
  uint64_t number = 0;
  std::string bytes;
  std::string out;
  std::unique_ptr<SegmentWalk> walk;
  Thinner thinner;
};

}  // namespace

class FileHistory::Impl {
 public:
  explicit Impl(Options options) : options_(std::move(options)), segments_(options_.directory) {
    options_.segment_bytes =
        std::min(options_.segment_bytes, std::max<int64_t>(options_.max_bytes / 8, 4096));
    if (const absl::Status opened = segments_.Open(); !opened.ok()) {
      Fail(opened);
    }
    thread_ = std::thread([this] { Run(); });
  }

  ~Impl() {
    {
      const std::lock_guard lock(queue_mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
    CloseFile();
  }

  bool Record(std::vector<HistoryItem> items, std::vector<EventRecord> events) {
    Batch batch{.items = std::move(items), .events = std::move(events)};
    const size_t cost = CostOf(batch);
    const std::lock_guard lock(queue_mutex_);
    if (queued_ + cost > options_.queue_limit) {
      dropped_ += batch.size();
      gap_ = begins_ = true;
      return true;
    }
    batch.after_gap = std::exchange(gap_, false);
    batch.begins = std::exchange(begins_, wanted_.exchange(false));
    queued_ += cost;
    queue_.push_back(std::move(batch));
    return begins_;
  }

  // Until what is queued now is in the files; a disk that refuses ends the waiting too.
  void WaitWritten() {
    std::unique_lock lock(queue_mutex_);
    const uint64_t wanted = ++flushes_wanted_;
    wake_.notify_all();
    flushed_.wait_for(lock, kReadWait, [&] { return flushes_done_ >= wanted || stopping_; });
  }

  void Settle() {
    WaitWritten();
    std::unique_lock lock(queue_mutex_);
    flushed_.wait(lock, [this] { return idle_; });
  }

  std::vector<SegmentFile> Files() const {
    const std::lock_guard lock(files_mutex_);
    return segments_.files();
  }

  // A segment may have been thinned or removed since it was listed.
  std::string Bytes(SegmentFile file) {
    std::string bytes = ReadWhole(segments_.PathOf(file));
    if (bytes.empty() && file.full) {
      file.full = false;
      bytes = ReadWhole(segments_.PathOf(file));
    }
    return bytes;
  }

  void NoteDamage(const SegmentFile& file, uint64_t bytes) {
    const std::lock_guard lock(files_mutex_);
    if (bytes > 0 && reported_.insert(file.number).second) {
      damaged_ += bytes;
      Log(LogLevel::kWarning, "the history is damaged in part; what cannot be read is skipped",
          {{"file", segments_.PathOf(file)}, {"bytes", absl::StrCat(bytes)}});
    }
  }

  Kept kept() const {
    Kept kept;
    const std::vector<SegmentFile> files = Files();
    if (!files.empty()) {
      kept.earliest = files.front().start;
    }
    for (auto file = files.rbegin(); file != files.rend() && file->full; ++file) {
      kept.full_from = file->start;
    }
    return kept;
  }

  Stats stats() const {
    Stats stats{.records = records_, .dropped = dropped_, .failures = failures_, .damaged = damaged_};
    const std::lock_guard lock(files_mutex_);
    stats.bytes = segments_.bytes();
    return stats;
  }

  bool Enter() {
    if (++readers_ > options_.readers) {
      --readers_;
      return false;
    }
    return true;
  }

  void Leave() { --readers_; }

 private:
  void Run() {
    Clock::time_point flush_at = Clock::now();
    while (true) {
      std::vector<Batch> batches;
      uint64_t flushes = 0;
      bool stop = false;
      {
        std::unique_lock lock(queue_mutex_);
        idle_ = thinning_ == nullptr && !ThinningDue();
        flushed_.notify_all();
        const Duration pause = idle_ ? options_.flush_interval : kThinPause;
        wake_.wait_for(lock, absl::ToChronoNanoseconds(pause),
                       [this] { return stopping_ || flushes_wanted_ > flushes_done_; });
        idle_ = false;
        std::swap(batches, queue_);
        queued_ = 0;
        flushes = flushes_wanted_;
        stop = stopping_;
      }
      for (const Batch& batch : batches) {
        Write(batch);
      }
      const bool asked = flushes != flushes_done_ || stop;
      if (asked || Clock::now() >= flush_at) {
        Flush();
        flush_at = Clock::now() + absl::ToChronoNanoseconds(options_.flush_interval);
      }
      {
        const std::lock_guard lock(queue_mutex_);
        flushes_done_ = flushes;
      }
      flushed_.notify_all();
      if (stop) {
        return;
      }
      ThinStep();
    }
  }

  // ---- writing -------------------------------------------------------------------------------------

  void Write(const Batch& batch) {
    if (batch.after_gap) {
      encoder_.NoteGap();
      TellDropped();
    }
    if (batch.begins) {
      asked_ = false;
      if (file_left_ <= 0) {
        Flush();
        CloseFile();
      }
    }
    for (const HistoryItem& item : batch.items) {
      if (const auto* evaluation = std::get_if<Evaluation>(&item)) {
        WriteEvaluation(*evaluation);
      } else if (const auto& outcome = std::get<Outcome>(item); HasFile(outcome.at)) {
        Append(FrameKind::kOutcome, ToRecord(outcome));
      }
    }
    for (const EventRecord& event : batch.events) {
      if (HasFile(event.at)) {
        Append(FrameKind::kEvent, ToRecord(event));
      }
    }
    if (file_ >= 0 && file_left_ <= 0) {
      AskForMemory();
    }
  }

  void WriteEvaluation(const Evaluation& evaluation) {
    if (!HasFile(evaluation.input.wall)) {
      return;
    }
    if (const auto record = encoder_.Encode(evaluation)) {
      Append(FrameKind::kEvaluation, *record);
    } else {
      ++dropped_;
      AskForMemory();
    }
  }

  // Once until it comes: without it nothing can begin.
  void AskForMemory() {
    if (!std::exchange(asked_, true)) {
      wanted_ = true;
    }
  }

  void TellDropped() {
    if (Clock::now() >= tell_dropped_at_) {
      tell_dropped_at_ = Clock::now() + kTellPause;
      Log(LogLevel::kWarning, "the history's queue was full; some of it was dropped",
          {{"dropped", absl::StrCat(dropped_.load())}});
    }
  }

  // For a record of `at`; false: it is dropped.
  bool HasFile(absl::Time at) {
    if (file_ >= 0 && at - file_start_ >= options_.segment_span) {
      file_left_ = 0;  // over, but for what is needed to begin the next one
    }
    if (file_ < 0 && !BeginFile(at)) {
      ++dropped_;
      return false;
    }
    return true;
  }

  void Append(FrameKind kind, const v1::HistoryRecord& record) {
    const std::string payload = record.SerializeAsString();
    AppendFrame({kind, FrameKey({record.stack(), record.service()}), payload}, buffer_);
    ++buffered_;
    file_left_ -= static_cast<int64_t>(kFrameOverhead + payload.size());
    if (buffer_.size() >= kBufferBytes) {
      Flush();
    }
  }

  bool BeginFile(absl::Time start) {
    if (Clock::now() < retry_at_) {
      return false;
    }
    const std::lock_guard lock(files_mutex_);
    if (failing_) {
      if (const absl::Status opened = segments_.Open(); !opened.ok()) {
        Fail(opened);
        return false;
      }
    }
    const absl::StatusOr<int> file = segments_.Add(start);
    if (!file.ok()) {
      Fail(file.status());
      return false;
    }
    file_ = *file;
    file_start_ = start;
    file_left_ = options_.segment_bytes;
    encoder_.BeginFile();
    return true;
  }

  void Flush() {
    if (file_ < 0) {
      return;
    }
    const std::lock_guard lock(files_mutex_);
    const auto size = static_cast<int64_t>(buffer_.size());
    segments_.Trim(options_.max_bytes - size, options_.now() - options_.keep);
    const SegmentFile& current = segments_.files().back();
    if (const absl::Status written = WriteAll(file_, buffer_); !written.ok()) {
      // A torn record is skipped by readers, but need not stay.
      (void)!ftruncate(file_, current.bytes);
      Fail(absl::UnavailableError(absl::StrCat(segments_.PathOf(current), ": ", written.message())));
      dropped_ += buffered_;
      encoder_.NoteGap();
      AskForMemory();
      CloseFile();
      if (segments_.NewestIsEmpty()) {
        segments_.RemoveNewest();
      }
    } else {
      segments_.Grow(size);
      records_ += buffered_;
      if (std::exchange(failing_, false)) {
        Log(LogLevel::kInfo, "the history can be written again");
      }
    }
    buffer_.clear();
    buffered_ = 0;
  }

  void CloseFile() {
    if (file_ >= 0) {
      close(file_);
      file_ = -1;
    }
  }

  // Told once, until it works again.
  void Fail(const absl::Status& status) {
    ++failures_;
    retry_at_ = Clock::now() + absl::ToChronoNanoseconds(options_.retry_interval);
    if (!std::exchange(failing_, true)) {
      Log(LogLevel::kError, "the history can't be written; what happens meanwhile is missing in it",
          {{"reason", std::string(status.message())}});
    }
  }

  // ---- thinning ------------------------------------------------------------------------------------

  // The oldest full segment that ended before full resolution does.
  std::optional<SegmentFile> NextToThin() const {
    const std::lock_guard lock(files_mutex_);
    const std::vector<SegmentFile>& files = segments_.files();
    const absl::Time limit = options_.now() - options_.full_for;
    for (size_t i = 0; i + 1 < files.size() && files[i + 1].start <= limit; ++i) {
      if (files[i].full) {
        return files[i];
      }
    }
    return std::nullopt;
  }

  bool ThinningDue() const { return Clock::now() >= thin_retry_at_ && NextToThin().has_value(); }

  void ThinStep() {
    if (thinning_ == nullptr) {
      const std::optional<SegmentFile> file = ThinningDue() ? NextToThin() : std::nullopt;
      if (!file) {
        return;
      }
      thinning_ = std::make_unique<Thinning>();
      thinning_->number = file->number;
      thinning_->bytes = Bytes(*file);
      thinning_->walk = std::make_unique<SegmentWalk>(thinning_->bytes);
      thinning_->out = SegmentHead(file->start);
    }
    for (size_t i = 0; i < kThinStep; ++i) {
      const std::optional<Frame> frame = thinning_->walk->Next();
      if (!frame) {
        return FinishThinning();
      }
      thinning_->thinner.Take(*frame, thinning_->out);
    }
  }

  void FinishThinning() {
    thinning_->thinner.Finish(thinning_->out);
    const std::lock_guard lock(files_mutex_);
    if (const absl::Status replaced = segments_.Replace(thinning_->number, thinning_->out); !replaced.ok()) {
      ++failures_;
      thin_retry_at_ = Clock::now() + absl::ToChronoNanoseconds(options_.retry_interval);
    }
    thinning_.reset();
  }

  Options options_;

  mutable std::mutex queue_mutex_;
  std::condition_variable wake_;
  std::condition_variable flushed_;
  std::vector<Batch> queue_;
  size_t queued_ = 0;
  bool gap_ = false;
  std::atomic<bool> wanted_ = false;  // the next caller of Record shall be asked for memory
  bool begins_ = false;               // the last one was
  bool idle_ = false;
  bool stopping_ = false;
  uint64_t flushes_wanted_ = 0;
  uint64_t flushes_done_ = 0;

  mutable std::mutex files_mutex_;
  Segments segments_;
  std::set<uint64_t> reported_;  // damaged ones that were told

  // The thread's own.
  HistoryEncoder encoder_;
  int file_ = -1;
  absl::Time file_start_;
  int64_t file_left_ = 0;  // bytes; none left: the next one begins as soon as memory comes along
  bool asked_ = false;     // for memory
  Clock::time_point tell_dropped_at_;
  std::string buffer_;
  size_t buffered_ = 0;  // records in it
  bool failing_ = false;
  Clock::time_point retry_at_;
  Clock::time_point thin_retry_at_;
  std::unique_ptr<Thinning> thinning_;

  std::atomic<uint64_t> records_ = 0, dropped_ = 0, failures_ = 0, damaged_ = 0;
  std::atomic<size_t> readers_ = 0;
  std::thread thread_;
};

namespace {

bool Parse(const Frame& frame, v1::HistoryRecord& record) {
  return record.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size()));
}

}  // namespace

// Holds one segment at a time.
class FileCursor : public HistoryCursor {
 public:
  FileCursor(FileHistory::Impl* history, ServiceKey service, absl::Time from, absl::Time to)
      : history_(history), service_(std::move(service)), to_(to), files_(history->Files()) {
    while (!files_.empty() && files_.back().start > to) {
      files_.pop_back();
    }
    next_ = FirstFor(from);
  }

  ~FileCursor() override { history_->Leave(); }

  std::optional<std::string> Next() override {
    while (true) {
      while (walk_ == nullptr) {
        if (next_ == files_.size()) {
          return std::nullopt;
        }
        bytes_ = history_->Bytes(files_[next_]);
        walk_ = std::make_unique<SegmentWalk>(bytes_);
      }
      while (const std::optional<Frame> frame = walk_->Next()) {
        v1::HistoryRecord record;
        if (IsOurs(*frame, record) && absl::FromUnixNanos(record.wall_ns()) <= to_) {
          return std::string(frame->payload.data(), frame->payload.size());
        }
      }
      history_->NoteDamage(files_[next_], walk_->damaged());
      walk_.reset();
      ++next_;
    }
  }

 private:
  bool IsOurs(const Frame& frame, v1::HistoryRecord& record) const {
    return frame.service == FrameKey(service_) && Parse(frame, record) && record.stack() == service_.stack &&
           record.service() == service_.service;
  }

  // The newest segment in which the service was evaluated before or at `from`.
  size_t FirstFor(absl::Time from) {
    size_t at = files_.size();
    while (at > 0 && files_[at - 1].start > from) {
      --at;
    }
    for (size_t i = at; i > 0; --i) {
      const std::string bytes = history_->Bytes(files_[i - 1]);
      SegmentWalk walk(bytes);
      while (const std::optional<Frame> frame = walk.Next()) {
        v1::HistoryRecord record;
        const bool evaluated = frame->kind == FrameKind::kEvaluation || frame->kind == FrameKind::kMean;
        if (evaluated && IsOurs(*frame, record)) {
          if (absl::FromUnixNanos(record.wall_ns()) <= from) {
            return i - 1;
          }
          break;
        }
      }
    }
    return at == 0 ? 0 : at - 1;
  }

  FileHistory::Impl* const history_;
  const ServiceKey service_;
  const absl::Time to_;
  std::vector<SegmentFile> files_;
  size_t next_ = 0;
  std::string bytes_;
  std::unique_ptr<SegmentWalk> walk_;
};

FileHistory::FileHistory(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}

FileHistory::~FileHistory() = default;

bool FileHistory::Record(std::vector<HistoryItem> items, std::vector<EventRecord> events) {
  return impl_->Record(std::move(items), std::move(events));
}

absl::StatusOr<std::unique_ptr<HistoryCursor>> FileHistory::Read(const ServiceKey& service, absl::Time from,
                                                                 absl::Time to) {
  if (!impl_->Enter()) {
    return absl::ResourceExhaustedError("too many are reading the history; try again in a moment");
  }
  impl_->WaitWritten();
  return std::make_unique<FileCursor>(impl_.get(), service, from, to);
}

HistoryLog::Kept FileHistory::kept() const { return impl_->kept(); }

HistoryLog::Stats FileHistory::stats() const { return impl_->stats(); }

void FileHistory::Settle() { impl_->Settle(); }

}  // namespace drover::controller
