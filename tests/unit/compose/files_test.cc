// Several files: discovery, merging, extends, include, .env, profiles, project names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/compose/support.h"

namespace drover::compose {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(FilesTest, FoundByNameWithOverrideAlsoFromBelow) {
  Project project;
  project.Write("docker-compose.yml", "services: {wrong: {image: i}}")
      .Write("compose.yaml", "services: {a: {image: one}}")
      .Write("compose.override.yaml", "services: {a: {image: two}}")
      .Write("sub/dir/x", "");
  EXPECT_EQ(ServiceOf(project.Load(), "a").container().image(), "two");
  LoadOptions options;
  options.working_dir = project.dir() + "/sub/dir";
  EXPECT_EQ(ServiceOf(Load(options), "a").container().image(), "two");
}

TEST(FilesTest, ComposeFileVariable) {
  Project project;
  project.Write(".env", "COMPOSE_FILE=x.yaml:y.yaml\n")
      .Write("x.yaml", "services: {a: {image: x, command: [x]}}")
      .Write("y.yaml", "services: {a: {image: y}}");
  EXPECT_EQ(ServiceOf(project.Load(), "a").container().image(), "y");
}

TEST(FilesTest, NoFileAndUnreadableFilesAreClear) {
  Project project;
  LoadOptions options;
  options.files = {"nothing.yaml"};
  EXPECT_THAT(Faults(project.Load(options)),
              ElementsAre(HasSubstr("cannot read nothing.yaml: No such file")));
  project.Write("compose.yaml", "- a\n");
  EXPECT_THAT(Faults(project.Load()), ElementsAre("1:1: a Compose file is a map; begin with `services:`"));
}

TEST(FilesTest, MergingOfSeveralFiles) {
  Project project;
  project
      .Write(
          "a.yaml",
          "services:\n  w:\n    image: one\n    command: [a, b]\n    environment: [A=1, B=1]\n    ports: "
          "[\"80:80\"]\n"
          "    expose: [1]\n    volumes: [\"/one:/data:ro\"]\n    healthcheck: {test: [CMD, a], retries: 3}\n"
          "    depends_on: [d]\n    logging: {driver: json-file, options: {a: x}}\n    labels: {gone: x}\n"
          "    cap_add: [NET_ADMIN]\n  d: {image: i}\n")
      .Write("b.yaml",
             "services:\n  w:\n    command: c\n    environment: {B: \"2\", C: \"3\"}\n    ports: [\"81:81\", "
             "\"80:80\"]\n"
             "    expose: [1, 2]\n    volumes: [\"/two:/data:ro\"]\n    healthcheck: {test: [CMD, b]}\n"
             "    depends_on: {d: {condition: service_healthy}}\n    logging: {options: {b: y}}\n"
             "    labels: !reset null\n    cap_add: !override [SYS_PTRACE]\n");
  LoadOptions options;
  options.files = {"a.yaml", "b.yaml"};
  const auto w = ServiceOf(project.Load(options), "w");
  const auto& c = w.container();
  EXPECT_EQ(c.image(), "one");
  EXPECT_THAT(c.command(), ElementsAre("c"));
  EXPECT_THAT(c.environment(), ElementsAre("A=1", "B=2", "C=3"));
  EXPECT_EQ(w.ports_size(), 2);
  EXPECT_THAT(c.expose(), ElementsAre(1, 2));
  ASSERT_EQ(c.mounts_size(), 1);
  EXPECT_EQ(c.mounts(0).source(), "/two");
  EXPECT_THAT(c.healthcheck().test(), ElementsAre("CMD", "b"));
  EXPECT_EQ(c.healthcheck().retries(), 3u);
  EXPECT_EQ(w.depends_on(0).condition(), v1::Dependency::HEALTHY);
  EXPECT_EQ(c.log_options().size(), 2u);
  EXPECT_THAT(c.labels(), IsEmpty());
  EXPECT_THAT(c.cap_add(), ElementsAre("SYS_PTRACE"));
}

TEST(FilesTest, AnotherLoggingDriverReplacesTheOptions) {
  Project project;
  project.Write("compose.yaml", "services: {w: {image: i, logging: {driver: a, options: {x: y}}}}")
      .Write("compose.override.yaml", "services: {w: {logging: {driver: b, options: {z: z}}}}");
  EXPECT_EQ(ServiceOf(project.Load(), "w").container().log_options().size(), 1u);
}

TEST(FilesTest, ExtendsTakesPathsFromTheFileThatWroteThem) {
  Project project;
  project
      .Write("base/base.yaml",
             "services:\n  app: {image: i, env_file: app.env, extends: {service: root}}\n  root: {image: r, "
             "user: u, "
             "volumes: [\"./d:/d:ro\"]}\n")
      .Write("base/app.env", "A=1\n")
      .Write("compose.yaml",
             "services:\n  web: {extends: {file: base/base.yaml, service: app}, environment: {B: b}}\n");
  const auto c = ServiceOf(project.Load(), "web").container();
  EXPECT_EQ(c.image(), "i");
  EXPECT_EQ(c.user(), "u");
  EXPECT_THAT(c.environment(), ElementsAre("A=1", "B=b"));
  EXPECT_EQ(c.mounts(0).source(), project.dir() + "/base/d");
}

TEST(FilesTest, ExtendsFaults) {
  EXPECT_THAT(Faults(LoadText("services:\n  a: {extends: b, image: i}\n  b: {extends: a, image: i}\n")),
              testing::Contains(HasSubstr("extends goes round in a circle")));
  EXPECT_THAT(
      Faults(LoadText("services:\n  a: {extends: bse, image: i}\n  base: {image: i}\n")),
      ElementsAre(HasSubstr("2:16: extends names service \"bse\", which compose.yaml does not have; did you "
                            "mean \"base\"?")));
}

TEST(FilesTest, IncludeBringsItsOwnDirectoryAndEnvironment) {
  Project project;
  project.Write("compose.yaml", "include: [inc/compose.yaml]\nservices: {a: {image: i, depends_on: [b]}}\n")
      .Write("inc/.env", "TAG=7\n")
      .Write("inc/compose.yaml",
             "services: {b: {image: \"b:${TAG}\", volumes: [\"./x:/x:ro\", \"v:/v\"]}}\nvolumes: {v: }\n");
  const auto b = ServiceOf(project.Load(), "b").container();
  EXPECT_EQ(b.image(), "b:7");
  EXPECT_EQ(b.mounts(0).source(), project.dir() + "/inc/x");
  EXPECT_EQ(b.mounts(1).source(), "p_v");
}

TEST(FilesTest, IncludeFaults) {
  EXPECT_THAT(Faults(LoadText("include:\n  - gone.yaml\nservices: {a: {image: i}}\n")),
              ElementsAre(HasSubstr("2:5: cannot read gone.yaml: No such file")));
  Project project;
  project.Write("compose.yaml", "include: [o.yaml]\nservices: {a: {image: i}}\n")
      .Write("o.yaml", "services: {a: {image: other}}\n");
  EXPECT_THAT(Faults(project.Load()),
              ElementsAre(HasSubstr("services \"a\" is also declared by the included o.yaml in line 1")));
  Project circle;
  circle.Write("compose.yaml", "include: [o.yaml]\nservices: {a: {image: i}}\n")
      .Write("o.yaml", "include: [compose.yaml]\nservices: {b: {image: i}}\n");
  EXPECT_THAT(Faults(circle.Load()), testing::Contains(HasSubstr("include goes round in a circle")));
}

TEST(FilesTest, ProcessEnvironmentWinsOverDotEnv) {
  Project project;
  project.Write(".env", "TAG=file\nOTHER=${TAG}-x\n")
      .Write("compose.yaml", "services: {a: {image: \"i:$TAG-$OTHER\"}}");
  EXPECT_EQ(ServiceOf(project.Load(), "a").container().image(), "i:file-file-x");
  LoadOptions options;
  options.environment = {{"TAG", "env"}};
  EXPECT_EQ(ServiceOf(project.Load(options), "a").container().image(), "i:env-env-x");
}

TEST(FilesTest, NamedEnvFilesReplaceDotEnvAndMustExist) {
  Project project;
  project.Write(".env", "TAG=wrong\n")
      .Write("prod.env", "TAG=prod\n")
      .Write("compose.yaml",
             "services: {a: {image: "
             "\"i:$TAG\"}}");
  LoadOptions options;
  options.env_files = {"prod.env"};
  EXPECT_EQ(ServiceOf(project.Load(options), "a").container().image(), "i:prod");
  options.env_files = {"gone.env"};
  EXPECT_THAT(Faults(project.Load(options)),
              testing::Contains(HasSubstr("cannot read environment file gone.env")));
}

TEST(FilesTest, Profiles) {
  Project project;
  project.Write("compose.yaml", "services: {a: {image: i}, b: {image: i, profiles: [debug]}}");
  EXPECT_EQ(SpecOf(project.Load()).services_size(), 1);
  LoadOptions options;
  options.profiles = {"debug"};
  EXPECT_EQ(SpecOf(project.Load(options)).services_size(), 2);
  options.profiles = {};
  options.environment = {{"COMPOSE_PROFILES", "x,debug"}};
  EXPECT_EQ(SpecOf(project.Load(options)).services_size(), 2);
  EXPECT_THAT(Faults(LoadText("services: {a: {image: i, depends_on: [b]}, b: {image: i, profiles: [x]}}")),
              ElementsAre(HasSubstr("\"b\", whose profiles are off; give --profile")));
}

TEST(FilesTest, ProjectNames) {
  Project project;
  project.Write("Shop.App_1/compose.yaml", "services: {a: {image: i}}")
      .Write("named/compose.yaml", "name: written\nservices: {a: {image: \"i:$COMPOSE_PROJECT_NAME\"}}");
  LoadOptions options;
  options.working_dir = project.dir() + "/Shop.App_1";
  EXPECT_EQ(SpecOf(Load(options)).name(), "shopapp_1");
  options.working_dir = project.dir() + "/named";
  EXPECT_EQ(SpecOf(Load(options)).name(), "written");
  EXPECT_EQ(ServiceOf(Load(options), "a").container().image(), "i:written");
  options.environment = {{"COMPOSE_PROJECT_NAME", "env"}};
  EXPECT_EQ(SpecOf(Load(options)).name(), "env");
  options.project_name = "Bad Name";
  EXPECT_THAT(Faults(Load(options)), ElementsAre(HasSubstr("\"Bad Name\" is no project name")));
}

}  // namespace
}  // namespace drover::compose
