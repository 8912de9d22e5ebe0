// Who measures which queue (R4.3): a primary and, with two eligible nodes, a standby; the newest term
// wins; promotion after 2 s of silence. Keeps the newest reading of each queue, measured or pushed.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "controller/core/model.h"

namespace drover::controller {

struct QueueState {
  QueueSpec spec;
  uint32_t handle = 0;
  uint64_t term = 0;
  NodeId primary;  // empty: no eligible node
  NodeId standby;  // empty: none
  Instant promoted;
  std::optional<Instant> heard;  // newest reading of the primary, known or not
  std::optional<QueueReading> reading;
  uint64_t reading_term = 0;
  Instant measured;  // of the reading, on our clock
};

class Probes {
 public:
  explicit Probes(Model& model) : model_(model) {}

  // Readings of one report; services that scale on those queues are reviewed.
  void Fold(const Node& node, const NodeReport& report, Duration excess);

  // NotFound when the stack declares no queue of that name as pushed.
  Reply Push(const PushMetric& metric);

  // Chooses who measures, for queues with news; nodes whose list changed get a ProbeAssignment.
  void Review(std::vector<Order>& orders);

  // Absent: nobody has measured it yet.
  const QueueState* Find(const std::string& stack, const std::string& queue) const;

 private:
  using Key = std::pair<std::string, std::string>;

  void ReviewQueue(const Key& key, std::set<NodeId>& touched);
  // The state of a queue that is declared, made when it is new; a reading of another source is dropped.
  QueueState& StateOf(const Key& key, const QueueSpec& spec);
  // Services that scale on it are reviewed.
  void InputChanged(const Key& key);
  // A primary that has said nothing for so long has fallen silent.
  static Duration SilenceOf(const QueueSpec& spec);
  std::vector<NodeId> Eligible(const Key& key, const QueueSpec& spec) const;
  void Promote(const Key& key, QueueState& state, const NodeId& to, const std::string& why);
  double NotifyAbove(const Key& key) const;
  void Send(Node& node, std::vector<Order>& orders);

  Model& model_;
  std::map<Key, QueueState> queues_;
  std::map<uint32_t, Key> by_handle_;
  std::map<NodeId, std::set<Key>> of_node_;
  uint32_t next_handle_ = 1;
};

}  // namespace drover::controller
