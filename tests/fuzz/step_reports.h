// What an agent says in the fuzz of the core: reports that are as its orders ask, with any figures; and
// reports of anything.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "controller/core/ready.h"
#include "drover/v1/agent.pb.h"
#include "tests/fuzz/feed.h"

namespace drover::fuzz {

// An agent as its controller's orders made it.
struct Peer {
  NodeId id;
  std::optional<controller::StreamId> stream;  // absent: not connected
  Epoch epoch;                                 // of the assignment held
  Revision revision;
  bool edge = false;
  std::map<ReplicaId, controller::RunReplica> run;
  std::set<ReplicaId> remove;
  std::vector<controller::Probe> probes;
  std::vector<controller::BackendSet> sets;

  void Obey(const controller::Assignment& assignment);
};

v1::Hello MakeHello(Feed& feed, const Peer& peer, const ClusterId& cluster);
// What was ordered is there, mostly ready, what was to be removed is gone; samples are any numbers.
v1::Report HonestReport(Feed& feed, const Peer& peer);
// Handles, states, columns, ids, revisions and ages of all kinds.
v1::Report OddReport(Feed& feed, const Peer& peer);

}  // namespace drover::fuzz
