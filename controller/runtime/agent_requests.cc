#include "controller/runtime/agent_requests.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace drover::controller {

class AgentRequests::Reader : public OutputStream {
 public:
  Reader(AgentRequests* requests, uint64_t id, std::shared_ptr<Output> output, std::function<void()> cancel)
      : requests_(requests), id_(id), output_(std::move(output)), cancel_(std::move(cancel)) {}

  ~Reader() override {
    bool ended = false;
    {
      const std::lock_guard lock(requests_->mutex_);
      requests_->outputs_.erase(id_);
      ended = output_->ended;
    }
    if (!ended) {
      cancel_();
    }
  }

  absl::StatusOr<OutputChunk> Next(Duration timeout) override {
    return requests_->NextChunk(*output_, timeout);
  }

 private:
  AgentRequests* requests_;
  uint64_t id_;
  std::shared_ptr<Output> output_;
  std::function<void()> cancel_;
};

uint64_t AgentRequests::NextId() {
  const std::lock_guard lock(mutex_);
  return ++last_;
}

void AgentRequests::ExpectImage(uint64_t request, NodeId node) {
  const std::lock_guard lock(mutex_);
  images_[request].node = std::move(node);
}

template <typename T>
void AgentRequests::Take(ExpectedMap<T>& expected, uint64_t request, const NodeId& node, T answer) {
  const std::lock_guard lock(mutex_);
  const auto it = expected.find(request);
  if (it == expected.end() || it->second.node != node) {
    return;
  }
  it->second.answer = std::move(answer);
  it->second.done = true;
  changed_.notify_all();
}

template <typename T>
std::vector<std::optional<T>> AgentRequests::Collect(ExpectedMap<T>& expected,
                                                     const std::vector<uint64_t>& requests,
                                                     Duration timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, absl::ToChronoNanoseconds(timeout), [&] {
    return std::all_of(requests.begin(), requests.end(),
                       [&](uint64_t request) { return expected[request].done; });
  });
  std::vector<std::optional<T>> out;
  for (const uint64_t request : requests) {
    out.push_back(std::move(expected[request].answer));
    expected.erase(request);
  }
  return out;
}

void AgentRequests::Answer(NodeId node, const v1::ImageResult& result) {
  ImageInfo info;
  info.node = node;
  info.present = result.present();
  info.image_id = result.image_id();
  info.repo_digest = result.repo_digest();
  info.error = result.error();
  info.exposed_ports.assign(result.exposed_ports().begin(), result.exposed_ports().end());
  info.volumes.assign(result.volumes().begin(), result.volumes().end());
  Take(images_, result.request(), node, std::move(info));
}

std::vector<ImageInfo> AgentRequests::CollectImages(const std::vector<uint64_t>& requests, Duration timeout) {
  std::vector<ImageInfo> out;
  for (std::optional<ImageInfo>& info : Collect(images_, requests, timeout)) {
    if (info) {
      out.push_back(*std::move(info));
    }
  }
  return out;
}

void AgentRequests::ExpectCheck(uint64_t request, NodeId node) {
  const std::lock_guard lock(mutex_);
  checks_[request].node = std::move(node);
}

void AgentRequests::Answer(NodeId node, const v1::EdgeCheckResult& result) {
  EdgeCheckAnswer answer;
  answer.node = node;
  answer.snippet = result.snippet();
  answer.error = result.error();
  for (const v1::EdgeCheckResult::Check& check : result.checks()) {
    answer.checks.push_back(
        {.name = check.name(), .ok = check.ok(), .unseen = check.unseen(), .detail = check.detail()});
  }
  Take(checks_, result.request(), node, std::move(answer));
}

std::vector<std::optional<EdgeCheckAnswer>> AgentRequests::CollectChecks(
    const std::vector<uint64_t>& requests, Duration timeout) {
  return Collect(checks_, requests, timeout);
}

std::unique_ptr<OutputStream> AgentRequests::ExpectOutput(uint64_t request, NodeId node,
                                                          std::function<void()> cancel) {
  auto output = std::make_shared<Output>();
  output->node = std::move(node);
  {
    const std::lock_guard lock(mutex_);
    outputs_[request] = output;
  }
  return std::make_unique<Reader>(this, request, std::move(output), std::move(cancel));
}

void AgentRequests::Answer(NodeId node, const v1::StreamChunk& chunk) {
  const std::lock_guard lock(mutex_);
  const auto it = outputs_.find(chunk.request());
  if (it == outputs_.end() || it->second->node != node || it->second->ended) {
    return;
  }
  Output& output = *it->second;
  OutputChunk next{.data = chunk.data(),
                   .source = chunk.source(),
                   .end = chunk.end(),
                   .exit_code = chunk.exit_code(),
                   .error = chunk.error()};
  output.bytes += next.data.size();
  if (output.bytes > kMostUnreadBytes) {
    next = OutputChunk{.data = "",
                       .end = true,
                       .error = absl::StrCat("more than ", kMostUnreadBytes >> 20,
                                             " MiB were not read in time; the rest is left out")};
  }
  output.ended = next.end;
  output.chunks.push_back(std::move(next));
  changed_.notify_all();
}

void AgentRequests::Abandon(uint64_t request) {
  const std::lock_guard lock(mutex_);
  if (const auto image = images_.find(request); image != images_.end()) {
    image->second.done = true;
  }
  if (const auto check = checks_.find(request); check != checks_.end()) {
    check->second.done = true;
  }
  if (const auto output = outputs_.find(request); output != outputs_.end()) {
    output->second->ended = true;
    output->second->gone = true;
  }
  changed_.notify_all();
}

void AgentRequests::NodeGone(NodeId node) {
  const std::lock_guard lock(mutex_);
  for (auto& [id, image] : images_) {
    image.done = image.done || image.node == node;
  }
  for (auto& [id, check] : checks_) {
    check.done = check.done || check.node == node;
  }
  for (auto& [id, output] : outputs_) {
    if (output->node == node && !output->ended) {
      output->ended = true;
      output->gone = true;
    }
  }
  changed_.notify_all();
}

absl::StatusOr<OutputChunk> AgentRequests::NextChunk(Output& output, Duration timeout) {
  std::unique_lock lock(mutex_);
  const bool ready = changed_.wait_for(lock, absl::ToChronoNanoseconds(timeout),
                                       [&] { return !output.chunks.empty() || output.ended; });
  if (!ready) {
    return absl::DeadlineExceededError(absl::StrCat("nothing within ", absl::FormatDuration(timeout)));
  }
  if (!output.chunks.empty()) {
    OutputChunk chunk = std::move(output.chunks.front());
    output.chunks.pop_front();
    output.bytes -= std::min(output.bytes, chunk.data.size());
    return chunk;
  }
  return output.gone ? absl::UnavailableError("the connection to the node is lost")
                     : absl::OutOfRangeError("the output has ended");
}

}  // namespace drover::controller
