// What was asked of agents and is not answered yet: image resolutions, logs, exec, checks of
// balancers. Every request has a number of its own; answers are matched by number and node.
//
// Thread-safe. Nothing here sends; agent_server.cc does.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "controller/ports/agent_link.h"
#include "drover/v1/agent.pb.h"

namespace drover::controller {

class AgentRequests {
 public:
  // What an unread output may hold before its request is given up.
  static constexpr size_t kMostUnreadBytes = size_t{8} << 20;

  // A number that was not used before.
  uint64_t NextId();

  // ---- images ----
  // Must be called before the request is sent.
  void ExpectImage(uint64_t request, NodeId node);
  void Answer(NodeId node, const v1::ImageResult& result);
  // Waits until all are answered (or their nodes gone) or `timeout`; the answers, in no order.
  std::vector<ImageInfo> CollectImages(const std::vector<uint64_t>& requests, Duration timeout);

  // ---- checks of balancers ----
  // Must be called before the request is sent.
  void ExpectCheck(uint64_t request, NodeId node);
  void Answer(NodeId node, const v1::EdgeCheckResult& result);
  // As CollectImages; one for each request, absent where none came.
  std::vector<std::optional<EdgeCheckAnswer>> CollectChecks(const std::vector<uint64_t>& requests,
                                                            Duration timeout);

  // ---- output ----
  // `cancel` is called once when the reader is destroyed before the end.
  std::unique_ptr<OutputStream> ExpectOutput(uint64_t request, NodeId node, std::function<void()> cancel);
  void Answer(NodeId node, const v1::StreamChunk& chunk);

  // Ends one request that could not be sent.
  void Abandon(uint64_t request);
  // Ends everything that was asked of `node`.
  void NodeGone(NodeId node);

 private:
  template <typename T>
  struct Expected {
    NodeId node;
    bool done = false;
    std::optional<T> answer;  // absent although done: the node is gone
  };

  template <typename T>
  using ExpectedMap = std::map<uint64_t, Expected<T>>;

  struct Output {
    NodeId node;
    std::deque<OutputChunk> chunks;
    size_t bytes = 0;
    bool ended = false;  // no chunk follows those in `chunks`
    bool gone = false;
  };

  class Reader;

  // Keeps the answer when `node` was asked for it.
  template <typename T>
  void Take(ExpectedMap<T>& expected, uint64_t request, const NodeId& node, T answer);
  // Waits, and forgets the requests.
  template <typename T>
  std::vector<std::optional<T>> Collect(ExpectedMap<T>& expected, const std::vector<uint64_t>& requests,
                                        Duration timeout);

  absl::StatusOr<OutputChunk> NextChunk(Output& output, Duration timeout);

  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t last_ = 0;
  ExpectedMap<ImageInfo> images_;
  ExpectedMap<EdgeCheckAnswer> checks_;
  std::map<uint64_t, std::shared_ptr<Output>> outputs_;
};

}  // namespace drover::controller
