#include "controller/core/health.h"

#include <gtest/gtest.h>

#include "controller/core/drain.h"
#include "controller/core/evidence.h"
#include "controller/core/plan.h"
#include "tests/unit/controller/core/model_builder.h"

namespace drover::controller {
namespace {

class HealthTest : public ::testing::Test {
 protected:
  void Make(int replicas, const ServiceSpec& spec = ModelBuilder::Spec("web")) {
    Node& a = builder_.AddNode("a", 40000);
    service_ = &builder_.AddService(spec, replicas);
    for (int i = 0; i < replicas; ++i) {
      ids_.push_back(builder_.AddReplica(*service_, a, ReplicaState::kReady).record.id);
    }
  }

  Replica& At(size_t i) { return model_.replicas.at(ids_.at(i)); }

  void Fall(size_t i) {
    At(i).detail.health = "unhealthy";
    model_.SetState(At(i), ReplicaState::kRunning);
  }

  void Pass(Duration duration) {
    Later(duration);
    ReviewService(model_, probes_, *service_);
  }

  void Later(Duration duration) {
    model_.now = model_.now + duration;
    model_.wall = model_.wall + duration;
    for (auto& [id, node] : model_.nodes) {
      node.last_word = model_.now;
    }
  }

  ModelBuilder builder_;
  Model& model_ = builder_.model();
  Probes probes_{model_};
  Service* service_ = nullptr;
  std::vector<ReplicaId> ids_;
};

TEST_F(HealthTest, R2_6_MoreThanHalfTogether) {
  Make(4);
  EXPECT_FALSE(SharedCause(model_, *service_));
  Fall(0);
  Fall(1);
  EXPECT_FALSE(SharedCause(model_, *service_)) << "a half is not more than half";
  Fall(2);
  EXPECT_TRUE(SharedCause(model_, *service_));
}

TEST_F(HealthTest, R2_6_AProbeFromOutsideIsGivenMoreTimeThanAHealthCheck) {
  Make(3);
  model_.SetState(At(0), ReplicaState::kRunning);
  Pass(absl::Seconds(29));
  EXPECT_EQ(At(0).state, ReplicaState::kRunning);
  Pass(absl::Seconds(1));
  EXPECT_EQ(At(0).state, ReplicaState::kStopping);
}

TEST_F(HealthTest, R2_6_OneByOneOverAnHourIsNotTogether) {
  Make(4);
  for (size_t i = 0; i < 3; ++i) {
    Fall(i);
    Later(absl::Seconds(31));
  }
  EXPECT_FALSE(SharedCause(model_, *service_));
}

TEST_F(HealthTest, R2_6_ThoseThatWereTakenOutCountToo) {
  Make(4);
  Fall(0);
  Pass(absl::Seconds(6));
  EXPECT_EQ(At(0).state, ReplicaState::kStopping) << "alone: replaced";
  Fall(1);
  Pass(absl::Seconds(6));
  EXPECT_EQ(At(1).state, ReplicaState::kStopping) << "two of four: no shared cause yet";
  Fall(2);
  Pass(absl::Seconds(6));
  EXPECT_TRUE(service_->shared_cause);
  EXPECT_EQ(At(2).state, ReplicaState::kRunning) << "stays until another one is ready";
}

TEST_F(HealthTest, R2_6_AProcessThatEndedIsNotUnhealthyAndOneThatRecoversIsLeftAlone) {
  Make(3);
  model_.SetState(At(0), ReplicaState::kStarting);
  model_.SetState(At(0), ReplicaState::kRunning);
  Pass(absl::Seconds(60));
  EXPECT_EQ(At(0).state, ReplicaState::kRunning) << "it crashed and starts again: not ready yet";
  Fall(1);
  Pass(absl::Seconds(4));
  model_.SetState(At(1), ReplicaState::kReady);
  Pass(absl::Seconds(60));
  EXPECT_EQ(At(1).state, ReplicaState::kReady);
}

TEST_F(HealthTest, R3_6_ReplacementsThatFallSoonWaitLongerEachTime) {
  Make(3);
  Node& a = model_.nodes.at(NodeId("a"));
  std::vector<Duration> waits;
  for (int i = 0; i < 4; ++i) {
    Fall(0);
    Pass(absl::Seconds(301));
    waits.push_back(service_->unhealthy_retry_at - model_.now);
    const std::set<ReplicaId> all = service_->replicas;
    for (const ReplicaId id : all) {
      if (model_.replicas.at(id).record.reason == "Unhealthy") {
        model_.Erase(id);
      }
    }
    ids_[0] = builder_.AddReplica(*service_, a, ReplicaState::kReady).record.id;
  }
  EXPECT_EQ(waits,
            (std::vector<Duration>{absl::Seconds(1), absl::Seconds(2), absl::Seconds(4), absl::Seconds(8)}));
  Later(absl::Minutes(11));
  Fall(0);
  Pass(absl::Seconds(6));
  EXPECT_EQ(service_->unhealthy, 0U) << "it had been healthy for long";
}

TEST_F(HealthTest, R7_AnOnlyOneIsStoppedBeforeAnotherStarts) {
  ServiceSpec spec = ModelBuilder::Spec("beat");
  spec.singleton = true;
  Make(1, spec);
  Fall(0);
  Pass(absl::Seconds(6));
  EXPECT_EQ(At(0).state, ReplicaState::kStopping);
  EXPECT_EQ(At(0).record.reason, "Unhealthy");
  EXPECT_EQ(service_->replicas.size(), 1U);
}

TEST_F(HealthTest, R10_1_FrozenNothingIsReplaced) {
  Make(3);
  Fall(0);
  model_.whole.frozen = true;
  Pass(absl::Seconds(60));
  EXPECT_EQ(At(0).state, ReplicaState::kRunning);
}

TEST_F(HealthTest, R3_6_TheLastThreeFailuresAreKeptForADay) {
  Make(4);
  for (size_t i = 0; i < 4; ++i) {
    At(i).detail.reason = "ExitedWithError";
    At(i).detail.message = std::string(5000, 'x') + "end";
    At(i).detail.exit_code = static_cast<int32_t>(i + 1);
    KeepFailure(model_, *service_, At(i));
    Later(absl::Hours(1));
  }
  const std::vector<FailureRecord>& kept = service_->record.failures;
  ASSERT_EQ(kept.size(), 3U);
  EXPECT_EQ(kept[0].exit_code, 2);
  EXPECT_LE(kept[0].message.size(), 4010U);
  EXPECT_EQ(kept[0].message.substr(kept[0].message.size() - 3), "end");
  KeepFailure(model_, *service_, At(3), "Unhealthy");
  EXPECT_EQ(kept.size(), 3U) << "the same replica again";
  EXPECT_EQ(kept[2].reason, "Unhealthy");
  EXPECT_EQ(RecentFailures(service_->record, model_.wall).size(), 3U);
  EXPECT_EQ(RecentFailures(service_->record, model_.wall + absl::Hours(23)).size(), 1U);
  EXPECT_EQ(RecentFailures(service_->record, model_.wall + absl::Hours(25)).size(), 0U);
}

}  // namespace
}  // namespace drover::controller
