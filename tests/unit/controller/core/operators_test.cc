#include "controller/core/operators.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/controller/core/model_builder.h"

namespace drover::controller {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

StackSpec Stack(std::vector<ServiceSpec> services) {
  return {.name = "shop", .services = std::move(services), .queues = {}, .source = ""};
}

Reply Apply(Model& model, const StackSpec& spec) {
  ApplyStack request;
  request.now = model.now;
  request.wall = model.wall;
  request.spec = spec;
  return Answer(model, request);
}

TEST(MakePlanTest, CreateReplaceUpdateRemove) {
  ServiceSpec web = ModelBuilder::Spec("web");
  web.image = "web:1";
  ServiceSpec worker = ModelBuilder::Spec("worker");
  StackRecord before;
  before.spec = Stack({web, worker});
  EXPECT_TRUE(MakePlan(&before, before.spec).changes.empty());
  ServiceSpec newer = web;
  newer.image = "web:2";
  newer.spec_hash = "web-2";
  ServiceSpec db = ModelBuilder::Spec("db");
  const Plan plan = MakePlan(&before, Stack({db, newer}));
  ASSERT_EQ(plan.changes.size(), 3U);
  EXPECT_EQ(plan.changes[0].action, PlanChange::Action::kCreate);
  EXPECT_EQ(plan.changes[1].action, PlanChange::Action::kReplace);
  EXPECT_THAT(plan.changes[1].details, ElementsAre("image web:1 → web:2"));
  EXPECT_EQ(plan.changes[2].action, PlanChange::Action::kRemove);
  ServiceSpec more = web;
  more.replicas = 4;
  const Plan update = MakePlan(&before, Stack({more, worker}));
  ASSERT_EQ(update.changes.size(), 1U);
  EXPECT_EQ(update.changes[0].action, PlanChange::Action::kUpdate);
  EXPECT_THAT(update.changes[0].details, ElementsAre("1 replica → 4 replicas"));
}

TEST(ApplyTest, R10_1_ADeployNeverResetsTheCountOfAScaledService) {
  ModelBuilder builder;
  Model& model = builder.model();
  ServiceSpec web = ModelBuilder::Spec("web");
  web.replicas = 3;
  web.autoscale = AutoscaleSpec();
  web.autoscale->min = 1;
  web.autoscale->max = 10;
  Apply(model, Stack({web}));
  Service& service = model.services.at({"shop", "web"});
  EXPECT_EQ(service.record.desired, 3) << "the first count";
  service.record.desired = 7;
  web.priority = 5;
  Apply(model, Stack({web}));
  EXPECT_EQ(service.record.desired, 7);
  web.autoscale->max = 6;
  Apply(model, Stack({web}));
  EXPECT_EQ(service.record.desired, 6) << "R3.3";
  web.autoscale.reset();
  Apply(model, Stack({web}));
  EXPECT_EQ(service.record.desired, 3);
}

TEST(ApplyTest, R6_1_BackendRevisionsGoOnThroughDownAndUpWhileTombstonesAreLeft) {
  ModelBuilder builder;
  Model& model = builder.model();
  Apply(model, Stack({ModelBuilder::Spec("web")}));
  Service& service = model.services.at({"shop", "web"});
  service.record.backend_revision = 40;  // as edges and consumers have confirmed it
  // `down` is over, a replica on a node that is away keeps the service in mind.
  service.stored = false;
  service.retired = true;
  model.stacks.clear();
  Apply(model, Stack({ModelBuilder::Spec("web")}));
  EXPECT_EQ(model.services.at({"shop", "web"}).record.backend_revision, 40U);
}

TEST(ApplyTest, IdenticalSpecChangesNothing) {
  ModelBuilder builder;
  Model& model = builder.model();
  EXPECT_EQ(Apply(model, Stack({ModelBuilder::Spec("web")})).revision, 1U);
  model.TakeChanges();
  const Reply reply = Apply(model, Stack({ModelBuilder::Spec("web")}));
  EXPECT_EQ(reply.revision, 1U);
  EXPECT_TRUE(reply.plan.changes.empty());
  EXPECT_TRUE(model.TakeChanges().empty());
}

TEST(ApplyTest, DryRunChangesNothing) {
  ModelBuilder builder;
  ApplyStack request;
  request.spec = Stack({ModelBuilder::Spec("web")});
  request.dry_run = true;
  EXPECT_EQ(Answer(builder.model(), request).plan.changes.size(), 1U);
  EXPECT_TRUE(builder.model().stacks.empty());
}

TEST(ApplyTest, R7_3_AnUnchangedTaskIsNotRunAgain) {
  ModelBuilder builder;
  Model& model = builder.model();
  ServiceSpec migrate = ModelBuilder::Spec("migrate");
  migrate.task = true;
  Apply(model, Stack({migrate}));
  Service& task = model.services.at({"shop", "migrate"});
  task.record.task_revision_done = 1;
  Apply(model, Stack({migrate, ModelBuilder::Spec("web")}));
  EXPECT_EQ(task.record.task_revision_done, 2U);
  migrate.spec_hash = "migrate-2";
  Apply(model, Stack({migrate, ModelBuilder::Spec("web")}));
  EXPECT_EQ(task.record.task_revision_done, 2U) << "revision 3 has to run";
}

TEST(ApplyTest, TwoStacksCannotPublishTheSamePort) {
  ModelBuilder builder;
  ServiceSpec web = ModelBuilder::Spec("web");
  ListenerSpec listener;
  listener.port = 8080;
  listener.target = 80;
  web.listeners = {listener};
  Apply(builder.model(), Stack({web}));
  StackSpec other = Stack({web});
  other.name = "blog";
  const Reply reply = Apply(builder.model(), other);
  EXPECT_EQ(reply.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(reply.status.message()), HasSubstr("already published by shop/web"));
}

ScaleService Scale(const std::string& service, int64_t replicas) {
  ScaleService request;
  request.service = {"shop", service};
  request.replicas = replicas;
  return request;
}

TEST(ScaleTest, R10_1_AScaledServiceNeedsHoldOrForever) {
  ModelBuilder builder;
  ServiceSpec web = ModelBuilder::Spec("web");
  web.autoscale = AutoscaleSpec();
  web.autoscale->max = 5;
  builder.AddService(web);
  Model& model = builder.model();
  const Reply refused = Answer(model, Scale("web", 3));
  EXPECT_THAT(std::string(refused.status.message()),
              testing::AllOf(HasSubstr("--hold 2h"), HasSubstr("--forever")));
  ScaleService request = Scale("web", 3);
  request.hold = absl::Hours(2);
  EXPECT_TRUE(Answer(model, request).status.ok());
  EXPECT_TRUE(model.services.at({"shop", "web"}).record.held);
  request.replicas = 9;
  EXPECT_EQ(Answer(model, request).status.code(), absl::StatusCode::kInvalidArgument) << "R3.3";
}

TEST(ScaleTest, R7_PinnedSingletonsAndTasksAreNeverTwo) {
  ModelBuilder builder;
  ServiceSpec db = ModelBuilder::Spec("db");
  db.local_data = {"pg"};
  ServiceSpec beat = ModelBuilder::Spec("beat");
  beat.singleton = true;
  ServiceSpec migrate = ModelBuilder::Spec("migrate");
  migrate.task = true;
  for (const ServiceSpec& spec : {db, beat, migrate}) {
    builder.AddService(spec);
    EXPECT_EQ(Answer(builder.model(), Scale(spec.name, 2)).status.code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(Answer(builder.model(), Scale("nobody", 2)).status.code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace drover::controller
