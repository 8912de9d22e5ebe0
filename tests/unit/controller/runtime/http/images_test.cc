#include "controller/runtime/http/images.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/controller/runtime/http/fakes.h"

namespace drover::controller {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

ImageInfo Has(const std::string& node, const std::string& id, const std::string& digest = "") {
  ImageInfo info;
  info.node = NodeId(node);
  info.present = true;
  info.image_id = id;
  info.repo_digest = digest;
  return info;
}

ImageInfo Fails(const std::string& error) {
  ImageInfo info;
  info.error = error;
  return info;
}

TEST(ChooseImageTest, R9_1_ARepositoryDigestComesBeforeAnImageId) {
  const ResolvedImage chosen =
      ChooseImage({Has("n1", "sha256:a"), Has("n2", "sha256:a"), Has("n3", "sha256:b", "web@sha256:d")});
  EXPECT_EQ(chosen.reference, "web@sha256:d");
  EXPECT_THAT(chosen.nodes, ElementsAre(NodeId("n3")));
}

TEST(ChooseImageTest, R9_1_ElseTheIdThatMostNodesHave) {
  const ResolvedImage chosen =
      ChooseImage({Has("n1", "sha256:a"), Has("n2", "sha256:b"), Has("n3", "sha256:b"), ImageInfo()});
  EXPECT_EQ(chosen.reference, "sha256:b");
  EXPECT_THAT(chosen.nodes, ElementsAre(NodeId("n2"), NodeId("n3")));
  EXPECT_EQ(ChooseImage({Has("n1", "sha256:b"), Has("n2", "sha256:a")}).reference, "sha256:a");
  EXPECT_EQ(ChooseImage({ImageInfo()}).reference, "");
}

ResolveOptions Options() { return {.first_node_wait = absl::Milliseconds(1)}; }

TEST(ResolveImagesTest, PresentIsNotPulled) {
  FakeAgents agents;
  agents.images[{"web:1", "n2"}] = Has("n2", "sha256:a");
  const auto resolved = ResolveImages(agents, {{"web:1", PullPolicy::kMissing}}, Options());
  ASSERT_TRUE(resolved.ok());
  EXPECT_EQ(resolved->at("web:1").reference, "sha256:a");
  EXPECT_THAT(agents.resolved(), ElementsAre(Pair("web:1", false)));
}

TEST(ResolveImagesTest, AbsentIsPulledOnOneNode) {
  FakeAgents agents;
  agents.registry["web:1"] = Has("n1", "sha256:a", "web@sha256:d");
  const auto resolved = ResolveImages(agents, {{"web:1", PullPolicy::kMissing}}, Options());
  ASSERT_TRUE(resolved.ok());
  EXPECT_EQ(resolved->at("web:1").reference, "web@sha256:d");
  EXPECT_EQ(resolved->at("web:1").nodes.size(), 1U);
  EXPECT_THAT(agents.resolved(), ElementsAre(Pair("web:1", false), Pair("web:1", true)));
}

TEST(ResolveImagesTest, R10_4_WhereOneHostRefusesAnotherIsAsked) {
  FakeAgents agents;
  agents.nodes = {NodeId("n1"), NodeId("n2"), NodeId("n3")};
  agents.images[{"web:1", "n1"}] = Fails("PolicyRefused: this host refuses the image web:1");
  agents.registry["web:1"] = Has("n2", "sha256:a");
  const auto resolved = ResolveImages(agents, {{"web:1", PullPolicy::kMissing}}, Options());
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_THAT(resolved->at("web:1").nodes, ElementsAre(NodeId("n2")));
  agents.images[{"web:1", "n2"}] = agents.images[{"web:1", "n3"}] = agents.images[{"web:1", "n1"}];
  EXPECT_THAT(
      std::string(ResolveImages(agents, {{"web:1", PullPolicy::kMissing}}, Options()).status().message()),
      HasSubstr("web:1: PolicyRefused: this host refuses"));
}

TEST(ResolveImagesTest, AlwaysPullsAtOnceAndNeverNeverDoes) {
  FakeAgents agents;
  agents.registry["web:1"] = Has("n1", "sha256:new");
  agents.registry["old:1"] = Has("n1", "sha256:old");
  const auto always = ResolveImages(agents, {{"web:1", PullPolicy::kAlways}}, Options());
  ASSERT_TRUE(always.ok());
  EXPECT_THAT(agents.resolved(), ElementsAre(Pair("web:1", true)));
  const auto never = ResolveImages(agents, {{"old:1", PullPolicy::kNever}}, Options());
  EXPECT_EQ(never.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(never.status().message()), HasSubstr("pull_policy is never"));
}

TEST(ResolveImagesTest, EveryFailureIsNamedWithTheRegistrysWords) {
  FakeAgents agents;
  agents.registry["a:1"] = Fails("manifest for a:1 not found");
  agents.registry["b:1"] = Fails("unauthorized: access denied");
  const auto resolved =
      ResolveImages(agents, {{"a:1", PullPolicy::kMissing}, {"b:1", PullPolicy::kMissing}}, Options());
  EXPECT_EQ(resolved.status().message(), "a:1: manifest for a:1 not found\nb:1: unauthorized: access denied");
}

TEST(ResolveImagesTest, WithoutAnAgentNothingCanBeResolved) {
  FakeAgents agents;
  agents.nodes.clear();
  const auto resolved = ResolveImages(agents, {{"a:1", PullPolicy::kMissing}}, Options());
  EXPECT_EQ(resolved.status().code(), absl::StatusCode::kUnavailable);
}

TEST(ResolveImagesTest, ADryRunPullsNothing) {
  FakeAgents agents;
  agents.registry["a:1"] = Has("n1", "sha256:a");
  ResolveOptions options = Options();
  options.may_pull = false;
  const auto resolved = ResolveImages(agents, {{"a:1", PullPolicy::kAlways}}, options);
  ASSERT_TRUE(resolved.ok());
  EXPECT_EQ(resolved->at("a:1").reference, "");
  EXPECT_THAT(agents.resolved(), ElementsAre(Pair("a:1", false)));
}

}  // namespace
}  // namespace drover::controller
