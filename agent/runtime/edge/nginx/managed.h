// An nginx of Drover's own.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/runtime/edge/listener_check.h"
#include "agent/runtime/edge/nginx/nginx.h"
#include "agent/runtime/edge/nginx/rounds.h"

namespace drover::agent {

// What the program says of itself.
struct NginxBuild {
  std::string version;        // "nginx 1.22.1"
  bool stream = false;        // it can balance plain TCP
  std::string stream_module;  // the line that loads what it needs for that; empty: built in
};

class ManagedNginx : public NginxRounds {
 public:
  ManagedNginx(NginxOptions options, NginxBuild build, std::optional<std::vector<EdgeSet>> wanted);

  std::string Describe() const override { return build_.version; }

 protected:
  NginxPlan MakePlan(const std::vector<EdgeSet>& sets) override;
  void Restrict(NginxPlan& plan, const std::set<std::string>& listening) override;
  absl::Status CheckAndWrite(NginxPlan& plan) override;
  absl::Status Start(NginxPlan& plan) override;
  std::optional<int> Master() const override;
  std::vector<int> Orphans(std::optional<int> master) const override;
  std::string WhyNotTaken() const override;
  absl::Status Keep() const override;

 private:
  void Render(NginxPlan& plan) const;

  NginxOptions options_;
  NginxBuild build_;
  NginxPaths paths_;
  NginxProcess process_;
  ListenerCheck listeners_;
  uint32_t marker_port_ = 0;
};

}  // namespace drover::agent
