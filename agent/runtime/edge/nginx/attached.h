// An nginx of somebody else (R6.6): one include file per upstream is ours, and a reload is asked for with
// SIGHUP when `nginx -t` has nothing against it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/runtime/edge/nginx/nginx.h"
#include "agent/runtime/edge/nginx/rounds.h"

namespace drover::agent {

class AttachedNginx : public NginxRounds {
 public:
  // `version` as "nginx 1.22.1".
  AttachedNginx(NginxOptions options, std::string version, std::optional<std::vector<EdgeSet>> wanted);

  std::string Describe() const override { return version_ + " (attached)"; }

 protected:
  NginxPlan MakePlan(const std::vector<EdgeSet>& sets) override;

  void Restrict(NginxPlan&, const std::set<std::string>&) override {}

  absl::Status CheckAndWrite(NginxPlan& plan) override;
  absl::Status Start(NginxPlan& plan) override;
  bool InForce(const NginxPlan& plan) const override;
  std::optional<int> Master() const override;

  std::vector<int> Orphans(std::optional<int>) const override { return {}; }

  std::string WhyNotTaken() const override;
  EdgeCheckReport CheckSet(const EdgeSet& set) override;

 private:
  // What the files of ours shall be.
  std::map<std::string, std::string> WantedFiles(const NginxPlan& plan) const;
  // Includes of upstreams that are wanted no more go when the foreign configuration does without.
  void RemoveStale(const NginxPlan& plan);
  NginxFile FileOf(const RenderedSet& set) const;

  NginxOptions options_;
  std::string version_;
  NginxPaths paths_;
  uint32_t marker_port_ = 0;
  std::set<std::string> needed_;  // stale ones that the foreign configuration still names
};

}  // namespace drover::agent
