// The rules of behaviour that the reader decides: pinning, singletons, tasks, dependencies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/compose/support.h"

namespace drover::compose {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> PinnedBy(const std::string& volumes, const std::string& top = "volumes: {d: }\n") {
  const auto result = LoadText(absl::StrCat(top, "services: {db: {image: i, volumes: ", volumes, "}}\n"));
  const auto db = ServiceOf(result, "db");
  return {db.local_data().begin(), db.local_data().end()};
}

TEST(RulesTest, R7_1_WhatIsWrittenLocallyPins) {
  EXPECT_THAT(PinnedBy("[\"d:/data\"]"), ElementsAre("volume d"));
  EXPECT_THAT(PinnedBy("[/data]"), ElementsAre("anonymous volume at /data"));
  EXPECT_THAT(PinnedBy("[\"/srv/d:/data\"]"), ElementsAre("bind mount /srv/d"));
  EXPECT_THAT(PinnedBy("[{type: bind, source: /srv/d, target: /data}]"), ElementsAre("bind mount /srv/d"));
}

TEST(RulesTest, R7_1_WhatIsOnlyReadOrSharedDoesNotPin) {
  EXPECT_THAT(PinnedBy("[\"d:/data:ro\"]"), IsEmpty());
  EXPECT_THAT(PinnedBy("[\"/srv/d:/data:ro,z\"]"), IsEmpty());
  EXPECT_THAT(PinnedBy("[\"/var/run/docker.sock:/var/run/docker.sock\"]"), IsEmpty());
  EXPECT_THAT(PinnedBy("[{type: tmpfs, target: /t}]"), IsEmpty());
  EXPECT_THAT(PinnedBy("[\"d:/data\"]", "volumes: {d: }\nx-volumes: {d: {shared: true}}\n"), IsEmpty());
}

TEST(RulesTest, R7_1_APinnedServiceIsNeverScaledNorDoubled) {
  const std::string head = "volumes: {d: }\nservices:\n  db:\n    image: i\n    volumes: [\"d:/d\"]\n";
  EXPECT_THAT(Faults(LoadText(head + "    deploy: {x-autoscale: {max: 3, signals: [{cpu: 60%}]}}\n")),
              ElementsAre(HasSubstr("6:14: db keeps data on its host (volume d) and cannot be scaled")));
  EXPECT_THAT(
      Faults(LoadText(head + "    deploy: {replicas: 2}\n")),
      ElementsAre(HasSubstr("6:14: db keeps data on its host (volume d) and cannot have 2 replicas")));
  const auto result = LoadText(head + "    deploy: {update_config: {order: start-first}}\n");
  EXPECT_THAT(Warnings(result), ElementsAre(HasSubstr("order: start-first is not honoured")));
  EXPECT_EQ(ServiceOf(result, "db").update().order(), v1::UpdateSpec::STOP_FIRST);
}

TEST(RulesTest, R7_2_ASingletonIsOneAndStopsFirst) {
  const auto beat = ServiceOf(LoadText("services: {beat: {image: i, deploy: {x-singleton: true}}}"), "beat");
  EXPECT_TRUE(beat.singleton());
  EXPECT_EQ(beat.update().order(), v1::UpdateSpec::STOP_FIRST);
  EXPECT_THAT(Faults(LoadText("services: {beat: {image: i, deploy: {x-singleton: true, replicas: 2}}}")),
              ElementsAre(HasSubstr("beat is a singleton and cannot have 2 replicas; write 1")));
}

TEST(RulesTest, R7_3_RestartNoIsATask) {
  const auto migrate = ServiceOf(LoadText("services: {m: {image: i, restart: \"no\", deploy: {x-run: {when: "
                                          "before_rollout, timeout: 10m}}}}"),
                                 "m");
  ASSERT_TRUE(migrate.has_task());
  EXPECT_EQ(migrate.task().when(), v1::TaskSpec::BEFORE_ROLLOUT);
  EXPECT_EQ(migrate.task().timeout().seconds(), 600);
  EXPECT_FALSE(ServiceOf(LoadText("services: {m: {image: i}}"), "m").has_task());
  const auto job =
      ServiceOf(LoadText("services: {j: {image: i, deploy: {mode: replicated-job, replicas: 3}}}"), "j");
  EXPECT_EQ(job.task().completions(), 3u);
}

TEST(RulesTest, R7_3_TasksAreNotScaledAndOnlyTasksRun) {
  EXPECT_THAT(
      Faults(LoadText("services: {m: {image: i, restart: \"no\", deploy: {x-autoscale: {max: 2, signals: "
                      "[{cpu: 50%}]}}}}")),
      ElementsAre(HasSubstr("m is a task, which runs once")));
  EXPECT_THAT(Faults(LoadText("services: {m: {image: i, deploy: {x-run: {when: before_rollout}}}}")),
              ElementsAre(HasSubstr("x-run belongs to a task; write restart: \"no\"")));
}

TEST(RulesTest, R7_3_WhatOthersWaitForToCompleteIsATask) {
  const std::string waits =
      "  web: {image: i, depends_on: {m: {condition: service_completed_successfully}}}\n";
  const auto result = LoadText("services:\n  m: {image: i}\n" + waits);
  EXPECT_TRUE(ServiceOf(result, "m").has_task());
  EXPECT_THAT(Warnings(result), ElementsAre(HasSubstr("2:3: m runs once, because web waits for it")));
  EXPECT_THAT(Faults(LoadText("services:\n  m: {image: i, restart: always}\n" + waits)),
              ElementsAre(HasSubstr("m is restarted for ever; write restart: \"no\" in m")));
}

TEST(RulesTest, DependenciesExistAndHaveNoCycle) {
  EXPECT_THAT(Faults(LoadText("services:\n  web: {image: i, depends_on: [redsi]}\n  redis: {image: i}\n")),
              ElementsAre("2:32: depends_on names \"redsi\", which is no service; did you mean \"redis\"?"));
  EXPECT_THAT(
      Faults(LoadText("services:\n  a: {image: i, depends_on: [b]}\n  b: {image: i, depends_on: [a]}\n")),
      ElementsAre("3:30: dependency cycle: a → b → a; remove one of these dependencies"));
  EXPECT_THAT(
      ServiceOf(LoadText("services: {a: {image: i, depends_on: {b: {condition: service_started, required: "
                         "false}}}}"),
                "a")
          .depends_on(),
      IsEmpty());
}

TEST(RulesTest, R9_2_SecretsAreReadHereAndShownAsHash) {
  Project project;
  project.Write("pw.txt", "hunter2")
      .Write("compose.yaml",
             "services: {a: {image: i, secrets: [pw, {source: node, target: n, mode: 0400}]}}\n"
             "secrets: {pw: {file: pw.txt}, node: {x-node-path: /etc/pw}}\n");
  const auto result = project.Load();
  const auto spec = SpecOf(result);
  ASSERT_EQ(spec.files_size(), 2);
  EXPECT_EQ(spec.files(0).node_path(), "/etc/pw");
  EXPECT_EQ(spec.files(1).content(), "hunter2");
  EXPECT_EQ(spec.files(1).sha256(), "f52fbd32b2b3b86ff88ef6c490628285f482af15ddcb29541f94bcf526a3f6c7");
  EXPECT_THAT(NormalisedYaml(spec), testing::Not(HasSubstr("hunter2")));
  EXPECT_THAT(NormalisedJson(spec), testing::Not(HasSubstr("aHVudGVyMg")));
  EXPECT_THAT(NormalisedYaml(spec), HasSubstr("f52fbd32"));
  EXPECT_EQ(spec.services(0).container().files(1).target(), "/run/secrets/n");
  EXPECT_EQ(spec.services(0).container().files(1).mode(), 0400u);
}

TEST(RulesTest, BuildAndMissingSecretsStopOnlyTheDeploy) {
  const auto result =
      LoadText("services: {a: {build: ., secrets: [pw]}}\nsecrets: {pw: {file: missing.txt}}\n");
  EXPECT_EQ(ServiceOf(result, "a").container().image(), "p-a");
  EXPECT_THAT(DeployFaults(result),
              ElementsAre(HasSubstr("1:16: a is only built"), HasSubstr("cannot read missing.txt")));
}

TEST(RulesTest, R10_1_ReplicasIsOnlyTheFirstCountOfAScaledService) {
  const std::string scaled = "x-autoscale: {min: 2, max: 5, signals: [{cpu: 60%}]}}}}";
  EXPECT_EQ(ServiceOf(LoadText("services: {a: {image: i, deploy: {" + scaled), "a").replicas(), 2u);
  EXPECT_EQ(ServiceOf(LoadText("services: {a: {image: i, deploy: {replicas: 3, " + scaled), "a").replicas(),
            3u);
  const auto result = LoadText("services: {a: {image: i, deploy: {replicas: 9, " + scaled);
  EXPECT_EQ(ServiceOf(result, "a").replicas(), 5u);
  EXPECT_THAT(Warnings(result), ElementsAre(HasSubstr("x-autoscale allows 2 to 5; write 5")));
}

TEST(RulesTest, WhatFitsOneReplicaOnly) {
  const std::string two = ", deploy: {replicas: 2}}}";
  EXPECT_THAT(Faults(LoadText("services: {a: {image: i, container_name: x" + two)),
              ElementsAre(HasSubstr("container_name fits one replica only")));
  const auto result = LoadText("services: {a: {image: i, hostname: x" + two);
  EXPECT_THAT(Warnings(result),
              ElementsAre(HasSubstr("hostname is not honoured: several replicas would share it")));
  EXPECT_EQ(ServiceOf(result, "a").container().hostname(), "");
  EXPECT_EQ(ServiceOf(LoadText("services: {a: {image: i, container_name: x}}"), "a").update().order(),
            v1::UpdateSpec::STOP_FIRST);
}

}  // namespace
}  // namespace drover::compose
