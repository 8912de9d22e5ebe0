// Recorded decisions made again, counted: with the policy that was live, and with another one on the same
// samples.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "controller/core/autoscale/what_if.h"

namespace drover::simulate {

struct Replayed {
  struct Other {
    uint64_t id = 0;  // of the decision
    absl::Time at;
    std::optional<int64_t> then;  // replicas as decided then; absent: not kept
    int64_t again = 0;
  };

  absl::Time from;  // first and last decision
  absl::Time to;
  int64_t decisions = 0;
  int64_t equal = 0;
  std::optional<Other> first_other;
  std::vector<absl::Time> gaps;  // records right before these times were not kept
  double replica_hours = 0;      // decided
  int64_t changes = 0;           // of the count
};

class ReplayCount {
 public:
  // `then`: as it was decided; null: not kept.
  void Take(const controller::Decision& again, const controller::Decision* then, bool equal, bool gap);

  const Replayed& result() const { return result_; }

 private:
  Replayed result_;
  std::optional<int64_t> desired_;
};

// Another policy on recorded samples: equal are the decisions for as many replicas as the live one's.
class Candidate {
 public:
  Candidate(std::string name, controller::AutoscaleSpec spec);

  void Take(const controller::Evaluation& evaluation, const controller::Decision& live, bool gap);

  // The same before the time that counts, so that its memory is not empty then.
  void Prepare(const controller::Evaluation& evaluation, const controller::Decision& live);

  const std::string& name() const { return name_; }

  const Replayed& result() const { return count_.result(); }

  // Signals that the policy asks for and that were never recorded.
  const std::vector<std::string>& missing() const { return missing_; }

  bool is_live() const { return what_if_.is_live(); }

 private:
  std::string name_;
  controller::AutoscaleSpec spec_;
  controller::WhatIf what_if_;
  ReplayCount count_;
  std::vector<std::string> missing_;
  std::shared_ptr<const controller::AutoscaleSpec> looked_at_;
};

}  // namespace drover::simulate
