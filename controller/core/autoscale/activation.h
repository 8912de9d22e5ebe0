// KEDA's activation: the loop that turns a service on and off. Between its minimum and maximum another
// rule counts (average_value.h).
//
// Source: KEDA's scale executor for scaled objects.
#pragma once

#include <cstdint>
#include <optional>

#include "common/time.h"

namespace drover::controller {

struct ActivationRule {
  int64_t min = 0;
  std::optional<int64_t> idle;               // count while inactive; below min
  std::optional<int64_t> fallback_replicas;  // absent: no fallback
  Duration cooldown = absl::Seconds(300);    // inactive for longer than this before it is turned off
  Duration initial_cooldown;                 // the same where it never was active, since it exists
};

struct ActivationInput {
  int64_t current = 0;
  bool active = false;  // some trigger is above its activation threshold
  bool error = false;   // some trigger failed
  bool forced = false;  // counts as active
  bool paused = false;
  bool pause_scale_in = false;
  bool pause_scale_out = false;
  std::optional<Duration> last_active_age;  // absent: never
  Duration age;                             // of the service
};

enum class ActivationStep {
  kPaused,
  kTurnedOn,
  kScaleOutPaused,
  kHeldActiveWithError,
  kActive,
  kHeldForFallback,
  kHeldWithError,
  kTurnedOff,
  kCoolingDown,
  kScaleInPaused,
  kRaisedToMin,
  kInactive
};

struct Activation {
  int64_t replicas = 0;  // the current count: left to the metric rule
  ActivationStep step = ActivationStep::kInactive;
  std::optional<bool> active;          // absent: not looked at
  bool refreshed_last_active = false;  // the caller notes now as last active
  std::optional<Duration> off_in;      // while cooling down: what is left
};

// The first row that matches decides.
Activation Activate(const ActivationInput& input, const ActivationRule& rule);

}  // namespace drover::controller
