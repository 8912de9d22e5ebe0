#include "agent/core/assignment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/core/rig.h"

namespace drover::agent {
namespace {

HeldAssignment Held(std::vector<RunReplica> run, std::vector<RemoveReplica> remove = {}) {
  HeldAssignment h;
  h.cluster = ClusterId("c");
  h.highest_epoch = Epoch(1);
  h.epoch = Epoch(1);
  h.revision = Revision(5);
  h.run = std::move(run);
  h.remove = std::move(remove);
  h.contexts = {Spec()};
  return h;
}

NodeFacts Here(const std::vector<uint64_t>& ids) {
  NodeFacts facts;
  for (const uint64_t id : ids) {
    facts.here.insert(Id(id));
  }
  return facts;
}

TEST(AssignmentTest, R1_1_AnotherClusterIsRefused) {
  Assignment a = Full(6, {});
  a.cluster = ClusterId("other");
  const Judgement j = JudgeAssignment(Held({}), a, {});
  EXPECT_EQ(j.verdict, Verdict::kClusterMismatch);
  EXPECT_EQ(j.message, "assignment of cluster 'other' refused: this node belongs to 'c'");
}

TEST(AssignmentTest, R1_2_AnOlderRevisionOrEpochIsRefused) {
  EXPECT_EQ(JudgeAssignment(Held({}), Full(4, {}), {}).verdict, Verdict::kStale);
  HeldAssignment held = Held({});
  held.highest_epoch = Epoch(2);  // seen in a Welcome, nothing obeyed under it yet
  EXPECT_EQ(JudgeAssignment(held, Full(9, {}), {}).verdict, Verdict::kStale);
  Assignment a = Full(1, {});
  a.epoch = Epoch(2);
  const Judgement j = JudgeAssignment(held, a, {});
  EXPECT_EQ(j.verdict, Verdict::kApplied) << "a new epoch counts its revisions anew";
  EXPECT_EQ(j.next.epoch, Epoch(2));
}

TEST(AssignmentTest, R1_5_ADeltaNeedsItsBase) {
  EXPECT_EQ(JudgeAssignment(Held({}), Delta(4, 6, {}), {}).verdict, Verdict::kOtherBase);
  EXPECT_EQ(JudgeAssignment(Held({}), Delta(5, 5, {}), {}).verdict, Verdict::kDuplicate);
  const Judgement j =
      JudgeAssignment(Held({Wanted(1), Wanted(2)}), Delta(5, 6, {Wanted(3)}, {Removal(1)}, {Id(2)}), {});
  ASSERT_EQ(j.verdict, Verdict::kApplied);
  EXPECT_THAT(j.next.run, testing::ElementsAre(Wanted(3)));
  EXPECT_THAT(j.next.remove, testing::ElementsAre(Removal(1)));
  EXPECT_EQ(j.next.revision, Revision(6));
}

TEST(AssignmentTest, R1_5_ADeltaWithASpecThatIsNotHeldAsksForTheWhole) {
  EXPECT_EQ(JudgeAssignment(Held({}), Delta(5, 6, {Wanted(3, "s2")}), {}).verdict, Verdict::kOtherBase);
}

TEST(AssignmentTest, ContextsStayWhileAContainerOfThemIsToBeStopped) {
  Assignment a = Full(6, {Wanted(2, "s2")}, {Removal(1)});
  a.contexts = {Spec("s2")};
  const Judgement first = JudgeAssignment(Held({Wanted(1)}), a, {});
  ASSERT_EQ(first.verdict, Verdict::kApplied);
  EXPECT_NE(FindContext(first.next, "s1"), nullptr);
  a.revision = Revision(7);
  NodeFacts facts;
  facts.used_specs = {"s1"};
  EXPECT_NE(FindContext(JudgeAssignment(first.next, a, facts).next, "s1"), nullptr);
  EXPECT_EQ(FindContext(JudgeAssignment(first.next, a, {}).next, "s1"), nullptr);
}

struct MassCase {
  const char* what;
  std::vector<uint64_t> here;
  std::vector<RemoveReplica> held_remove;
  std::vector<RemoveReplica> remove;
  Verdict verdict;
};

TEST(AssignmentTest, R1_4_MassRemoval) {
  const MassCase cases[] = {
      {"half", {1, 2, 3, 4, 5, 6}, {}, {Removal(1), Removal(2), Removal(3)}, Verdict::kApplied},
      {"more than half", {1, 2, 3, 4, 5}, {}, {Removal(1), Removal(2), Removal(3)}, Verdict::kMassRemoval},
      {"fewer than three", {1, 2}, {}, {Removal(1), Removal(2)}, Verdict::kApplied},
      {"of an operator",
       {1, 2, 3},
       {},
       {Removal(1, true), Removal(2, true), Removal(3, true)},
       Verdict::kApplied},
      {"mostly of an operator", {1, 2, 3}, {}, {Removal(1, true), Removal(2), Removal(3)}, Verdict::kApplied},
      {"in remove already",
       {1, 2, 3, 4, 5},
       {Removal(1), Removal(2)},
       {Removal(1), Removal(2), Removal(3), Removal(4)},
       Verdict::kApplied},
      {"not here at all", {}, {}, {Removal(1), Removal(2), Removal(3)}, Verdict::kApplied},
  };
  for (const MassCase& c : cases) {
    const Judgement j = JudgeAssignment(Held({}, c.held_remove), Full(6, {}, c.remove), Here(c.here));
    EXPECT_EQ(j.verdict, c.verdict) << c.what << ": " << j.message;
  }
}

}  // namespace
}  // namespace drover::agent
