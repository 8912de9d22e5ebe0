// How the HPA sorts replicas before it forms any ratio: whose sample counts, whose is missing, whose
// is not believed yet, who is left out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/time.h"

namespace drover::controller {

enum class ReplicaGroup {
  kReady,    // counted
  kMissing,  // should have a sample and has none
  kUnready,  // its sample is not believed yet
  kIgnored   // ending or ended: never counted
};

enum class ReplicaPhase { kPending, kRunning, kSucceeded, kFailed };

// A replica as the HPA sees it. Ages are before now.
struct ReplicaStatus {
  ReplicaPhase phase = ReplicaPhase::kRunning;
  bool deleting = false;
  std::optional<bool> ready;              // absent: never reported
  std::optional<Duration> started_ago;    // absent: not started
  std::optional<Duration> ready_changed;  // since readiness changed, either way; absent: long ago
};

// When a sample was taken.
struct SampleTime {
  Duration age;     // of its end
  Duration window;  // what it averages over
};

struct GroupRule {
  bool cpu = false;                              // only CPU looks at readiness
  Duration initialization = absl::Minutes(5);    // HPA: cpu-initialization-period
  Duration readiness_delay = absl::Seconds(30);  // HPA: initial-readiness-delay
};

// The first rule that matches decides, in the HPA's order: ending, pending, without a sample
// (absent `sample`), readiness.
ReplicaGroup GroupOf(const ReplicaStatus& replica, const std::optional<SampleTime>& sample,
                     const GroupRule& rule);

// One container's share of a replica's request, or of a sample.
struct ContainerAmount {
  std::string name;
  std::optional<int64_t> amount;  // thousandths of the unit; absent: not set, not measured
};

// What a replica asked for.
struct RequestSpec {
  std::vector<ContainerAmount> containers;
  std::vector<ContainerAmount> sidecars;  // init containers that keep running
  std::optional<int64_t> whole;           // set for the replica as a whole: stands for the sum
};

enum class RequestFault { kNone, kMissing, kNoSuchContainer };

struct Request {
  RequestFault fault = RequestFault::kNone;
  int64_t amount = 0;
};

// The request that utilization is measured against: the sum over containers and sidecars, or only
// `container` when that is not empty.
Request RequestOf(const RequestSpec& spec, const std::string& container);

// A sample's value: the sum of all containers in it, or only `container`; absent when one of them has
// no value.
std::optional<int64_t> UsageOf(const std::vector<ContainerAmount>& sample, const std::string& container);

}  // namespace drover::controller
