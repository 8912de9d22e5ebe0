// The deciding half of Drover: events in, Ready out. Single-threaded and pure: no I/O, clock,
// threads, randomness beyond `seed`, logs or protobuf. Same calls, same answers.
//
//   Core core(options, stored, start);
//   for each event e:  core.Step(e);
//                      Ready ready = core.TakeReady();
//                      persist(ready.changes);  send(ready.orders);  answer(ready.replies);
//                      publish(ready.view, ready.events);
//
// Several events may be stepped before one TakeReady (batching). Orders of a Ready must not leave the
// process before its changes are durable; while they can't be made durable, step StoreHealth{false}
// and keep the Ready.
#pragma once

#include <memory>
#include <string>

#include "common/ids.h"
#include "common/time.h"
#include "controller/core/event.h"
#include "controller/core/ready.h"
#include "controller/core/record.h"

namespace drover::controller {

struct CoreOptions {
  Duration report_interval = absl::Seconds(1);       // told to agents; liveness is derived from it (R2.3)
  Duration settle_connected = absl::Seconds(5);      // R2.4
  Duration settle_disconnected = absl::Seconds(60);  // R2.4
  Duration mass_hold = absl::Seconds(60);            // R2.5
  Duration view_interval = absl::Milliseconds(50);   // at most one view per this
  Duration drain_blocked_after = absl::Seconds(30);  // R5.3
  MilliCpu assumed_cpu = MilliCpu(1000);             // R3.5
  Bytes assumed_memory = Bytes(256LL << 20);         // before an observation exists (R3.5)
  Duration cpu_warmup = absl::Seconds(30);           // R4.5
  std::string failure_domain = "zone";  // label of nodes: those of one value may fail together (R2.5)
};

struct CoreStart {
  Instant now;
  absl::Time wall;
  Epoch epoch;        // already raised and durable (R1.2)
  uint64_t seed = 0;  // entropy for replica ids
};

class Core {
 public:
  Core(const CoreOptions& options, const StoredState& stored, const CoreStart& start);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // Folds one event into the model. Never fails: what an event asks that cannot be is answered in
  // Ready::replies or shown as an event.
  void Step(const Event& event);

  // Decides whatever is due and moves out what must be done. Cheap when nothing is due.
  Ready TakeReady();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace drover::controller
