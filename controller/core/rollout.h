// Which start or stop a changed spec allows next: one replica at a time, start-first; pinned,
// singleton and stop-first services the other way round (R7.1, R7.2). And what must be done before a
// service may start at all (R7.3).
#pragma once

#include <string>

#include "controller/core/model.h"

namespace drover::controller {

// Why another replica is to take the place of this one, which is wanted: "Replaced" (it is of a former spec),
// "NodeDrained" (its node empties), "Misplaced" (it may not be there any more by its service's placement),
// "Unhealthy" (R2.6). Empty: it stays. What keeps its data on a node in
// maintenance is left alone.
std::string GivesWay(const Model& model, const Service& service, const Replica& replica);

// The replicas of one service, counted by what a plan needs to know.
struct Census {
  int64_t active = 0;         // wanted and not on their way out, lost ones that wait included
  int64_t current = 0;        // of `active`: of the newest spec, and to stay
  int64_t current_ready = 0;  // of `current`: ready
  int64_t old = 0;            // of `active`: to give way to another one
  int64_t leaving = 0;        // draining or stopping on nodes that are not lost
  int64_t away = 0;           // on their way out, on lost nodes, and may still run
  int64_t failed = 0;
  int64_t newest = 0;  // of `active`: of the newest spec, also when its node empties
};

Census Count(const Model& model, const Service& service);

// One at a time and never two: what holds data or must be alone.
bool OneOnly(const ServiceSpec& spec);
bool StopsFirst(const ServiceSpec& spec);

struct Moves {
  int64_t start = 0;         // new replicas, after recalls
  int64_t stop = 0;          // of `active`, old ones first
  int64_t stop_unready = 0;  // of the newest spec, beyond the one that may be there on top (R3.3)
};

// What the census allows now. Pure.
Moves NextMoves(const ServiceSpec& spec, int64_t desired, const Census& census);

// Empty: replicas of the newest spec may be started; else what they wait for, with exit code and last
// lines where a task failed. depends_on gates only the first start ever; x-run: before_rollout gates
// while no replica has the newest spec.
std::string GateOf(const Model& model, const Service& service, const Census& census);

}  // namespace drover::controller
