// Who is there: connections, silence and its degrees (R2.3), what is not to be concluded from it
// right after a start or a gap (R2.4), and when many fall silent together (R2.5).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/core/model.h"

namespace drover::controller {

// A new stream: Welcome, or Refuse by name (R1.1, R1.2, R1.7).
void Connect(Model& model, const NodeConnected& hello, std::vector<Order>& orders);
void Disconnect(Model& model, const NodeDisconnected& event);

// Containers of ours that no record of the node explains (R1.3); told once, never touched.
void SetOrphans(Model& model, Node& node, const std::vector<FoundReplica>& found);

// How much later than usual a message arrived that was sent at `sent` on the node's clock; keeps the
// smallest delay of the last ten minutes (R2.2).
Duration NoteDelay(Node& node, Instant received, Instant sent);

// The node spoke at `word` on our clock.
void Hear(Model& model, Node& node, Instant word);

// Applies the passing of time to one node's status and arms its next timer.
void ReviewNode(Model& model, Node& node);

// Time moves on to `now`; a gap of more than 2 s since the last event restarts the patience of R2.4.
void NoteTime(Model& model, Instant now);

// Settled once every node that the store knows has reported, or its patience is over (R2.4).
void ReviewSettled(Model& model);

// When a lost replica may be replaced; absent: not by itself, see `why`. For services without data
// replace_after, for singletons never before their fence (R7.2), pinned ones and tasks never.
std::optional<Instant> ReplaceAt(const Model& model, const Service& service, const Replica& replica,
                                 std::string* why);

// From when on a singleton's replica surely does not run although its node is away: the agent stops it
// by itself 10 s after the last word from a controller (R7.2). Absent: its node is not lost.
std::optional<Instant> FencedAt(const Model& model, const Service& service, const Replica& replica);

// R2.5: after mass silence, may one more replica be replaced now? Takes one from the allowance.
bool AdmitReplacement(Model& model, Service& service, int64_t active);

}  // namespace drover::controller
