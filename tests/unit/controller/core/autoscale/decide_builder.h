// Builders for tests of the decision engine: one service `shop/web` at second 1000 after a controller
// start at second 0, so that the interesting field stands out.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "controller/core/autoscale/decide.h"

namespace drover::controller {

inline Instant At(int64_t seconds) { return Instant::FromNanoseconds(seconds * 1'000'000'000); }

inline SignalSpec Cpu(double target) {
  SignalSpec signal;
  signal.kind = SignalSpec::Kind::kCpu;
  signal.target = target;
  return signal;
}

inline SignalSpec Queue(double per_replica, double activation = 0) {
  SignalSpec signal;
  signal.kind = SignalSpec::Kind::kQueue;
  signal.queue = "thumbs";
  signal.target = per_replica;
  signal.activation = activation;
  return signal;
}

inline SignalSpec PerReplica(SignalSpec::Kind kind, double target) {
  SignalSpec signal;
  signal.kind = kind;
  signal.target = target;
  return signal;
}

inline SignalSpec QueueTotal(double total) {
  SignalSpec signal = Queue(total);
  signal.of_total = true;
  return signal;
}

inline SignalSpec Latency(double quantile, Duration target) {
  SignalSpec signal;
  signal.kind = SignalSpec::Kind::kLatency;
  signal.latency = LatencySpec{.quantile = quantile, .target = target};
  return signal;
}

// Of several balancers some are known.
inline SignalInput AtLeast(double part, std::string reason) {
  SignalInput input;
  input.at_least = part;
  input.unknown_reason = std::move(reason);
  input.age = absl::Milliseconds(400);
  return input;
}

// `count` ready replicas with `waiting` connections each.
inline SignalInput BacklogAt(int64_t count, double waiting) {
  SignalInput input;
  ReplicaUsage replica;
  replica.ready = true;
  replica.used = waiting;
  input.replicas = {static_cast<size_t>(count), replica};
  input.age = absl::Milliseconds(700);
  return input;
}

inline SignalInput Depth(double total) {
  SignalInput input;
  input.total = total;
  input.age = absl::Milliseconds(400);
  return input;
}

inline SignalInput NoDepth(std::string reason) {
  SignalInput input;
  input.unknown_reason = std::move(reason);
  return input;
}

// `count` ready replicas, each using `percent` of its reservation.
inline SignalInput CpuAt(int64_t count, double percent) {
  SignalInput input;
  input.replicas = {static_cast<size_t>(count),
                    {.ready = true, .warming_up = false, .used = percent * 10, .reserved = 1000}};
  input.age = absl::Milliseconds(700);
  return input;
}

struct Scene {
  AutoscaleSpec spec;
  DecideInput input;
  ScalingHistory history;

  Scene(int64_t min, int64_t max, std::vector<SignalSpec> signals, int64_t current,
        std::vector<SignalInput> measured) {
    spec.min = min;
    spec.max = max;
    spec.signals = std::move(signals);
    input.now = At(1000);
    input.wall = absl::FromUnixSeconds(1'800'000'000);
    input.service = {.stack = "shop", .service = "web"};
    input.current = current;
    input.ready = current;
    input.signals = std::move(measured);
    history.count_at_start = current;
  }

  // Remembered as `value` wished so many seconds ago.
  Scene& Wished(int64_t age, int64_t value) {
    history.recommendations.push_back({.at = At(1000 - age), .value = value});
    return *this;
  }

  Scene& Changed(int64_t age, int64_t change) {
    history.changes.push_back({.at = At(1000 - age), .change = change});
    return *this;
  }

  Scene& WorkedAgo(int64_t age) {
    history.last_work = At(1000 - age);
    return *this;
  }

  DecideResult Decide() {
    input.spec = &spec;
    return controller::Decide(input, history);
  }
};

}  // namespace drover::controller
