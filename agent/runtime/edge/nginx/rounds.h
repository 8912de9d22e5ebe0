// What managed and attached nginx share: one round reads which generation runs, reloads when the files
// are others (at most once a second), says "applied" when the new one answers and no older worker accepts
// any more, and counts what is in flight.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "agent/runtime/edge/arrange.h"
#include "agent/runtime/edge/nginx/process.h"
#include "agent/runtime/edge/nginx/render.h"
#include "agent/runtime/edge/nginx/wake.h"
#include "agent/runtime/edge/request_log.h"
#include "agent/runtime/edge/wanted_edge.h"

namespace drover::agent {

struct NginxFile {
  std::string path;
  std::string text;
  NginxMarker marker;
};

// What shall run. Sets point into the wanted ones.
struct NginxPlan {
  std::vector<RenderedSet> sets;
  std::vector<NginxFile> files;

  std::string Generation() const;  // of all files together
};

class NginxRounds : public WantedEdge {
 public:
  NginxRounds(std::string wanted_path, std::optional<std::vector<EdgeSet>> wanted);

  bool OnHeld(std::function<void()> wake) override {
    wake_.OnHeard(std::move(wake));
    return true;
  }

 protected:
  // The port of markers and, as UDP, of what is refused: the present one where it can be had, else another.
  // 0: none is left.
  uint32_t MarkerPort(uint32_t present);

  virtual NginxPlan MakePlan(const std::vector<EdgeSet>& sets) = 0;
  // Leaves out of a plan what cannot be had, with its error. `listening`: what nginx has already.
  virtual void Restrict(NginxPlan& plan, const std::set<std::string>& listening) = 0;
  // Puts the files where nginx reads them, unless nginx refuses them.
  virtual absl::Status CheckAndWrite(NginxPlan& plan) = 0;
  // The process runs with the plan, or with what was accepted last, when this returns OK.
  virtual absl::Status Start(NginxPlan& plan) = 0;
  // Whether what runs is what the plan says.
  virtual bool InForce(const NginxPlan& plan) const;
  virtual std::optional<int> Master() const = 0;
  // Of a master that was killed.
  virtual std::vector<int> Orphans(std::optional<int> master) const = 0;
  // Why files that were written and accepted do not run.
  virtual std::string WhyNotTaken() const = 0;

  // Sees to it that it is started again without an agent too, where that is Drover's business.
  virtual absl::Status Keep() const { return absl::OkStatus(); }

 private:
  EdgeState Round(const std::optional<std::vector<EdgeSet>>& wanted, Instant now) override;
  absl::Status Ensure(NginxPlan& plan, Instant now);
  absl::Status Update(NginxPlan& plan, int master, Instant now);
  void NoteProcess(int master, bool started);
  // Sets that another plan is about to change are confirmed no more, whatever becomes of it.
  void ForgetOthers(const NginxPlan& plan);
  bool MayReload(const NginxPlan& plan, Instant now) const;
  // True when no worker of before the last reload accepts connections.
  bool OldOnesLeave(int master) const;
  void Confirm(const NginxPlan& plan, int master);
  std::vector<NginxWorker> Workers(int master);
  // Requests that come again because there is no replica; absent: none are told.
  std::optional<int64_t> Held(const RenderedSet& set, Instant now);
  void Fill(const NginxPlan& plan, int master, Instant now, EdgeState& state);
  // Of all sets, in their order.
  void FillTimes(const NginxPlan& plan, Instant now, EdgeState& state);

  std::map<std::string, std::string> confirmed_;  // set's name -> identity that is in force
  std::optional<std::set<int>> before_;  // workers that accepted at the last reload; absent: not from here
  std::set<uint32_t> client_ports_;      // on which clients came so far
  std::vector<int> orphans_;
  uint64_t instance_ = 0;
  uint64_t reloads_ = 0;
  std::optional<Instant> tried_at_;
  std::string tried_;   // generation
  int unanswered_ = 0;  // reloads for it that did not bring it into force
  std::string fault_;   // why the last try is not in force; empty: it is
  bool pending_ = false;
  NginxWake wake_;
  std::map<std::string, uint64_t> told_;            // of this round, by address
  std::map<std::string, RefusedRequests> refused_;  // by set's name
  std::unique_ptr<RequestLog> log_;
  uint32_t log_port_ = 0;  // 0: none
};

}  // namespace drover::agent
