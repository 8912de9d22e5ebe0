// Compose files of other projects, which are not part of this repository: each loads, or is refused
// for the reason that its own list or Compose itself gives. Skipped where the files are not there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compose/files.h"
#include "tests/unit/compose/support.h"

namespace drover::compose {
namespace {

std::string SamplesDir() {
  const char* shared = std::getenv("DROVER_SHARED");
  return absl::StrCat(shared == nullptr ? "../shared" : shared, "/compose-samples");
}

struct Sample {
  std::vector<std::string> files;
  std::vector<std::string> env_files;
  size_t services;                       // 0: refused
  std::vector<std::string> faults = {};  // each once, in order

  // What the names of the tests end with; without it, bytes.
  friend void PrintTo(const Sample& sample, std::ostream* out) { *out << absl::StrJoin(sample.files, "+"); }
};

class SharedSamplesTest : public testing::TestWithParam<Sample> {};

TEST_P(SharedSamplesTest, LoadsOrIsRefusedForItsReason) {
  if (!FileExists(SamplesDir())) {
    GTEST_SKIP() << "skipped: no shared samples";
  }
  const Sample& sample = GetParam();
  LoadOptions options;
  options.files = sample.files;
  options.env_files = sample.env_files;
  options.working_dir = SamplesDir();
  options.project_name = "sample";
  options.environment = {{"HOME", "/home/user"}};
  const auto result = Load(options);
  if (sample.services > 0) {
    EXPECT_EQ(static_cast<size_t>(SpecOf(result).services_size()), sample.services);
    return;
  }
  const auto faults = Faults(result);
  ASSERT_EQ(faults.size(), sample.faults.size()) << absl::StrJoin(faults, "\n");
  for (size_t i = 0; i < faults.size(); ++i) {
    EXPECT_THAT(faults[i], testing::HasSubstr(sample.faults[i]));
  }
}

const std::vector<Sample> kSamples = {
    {{"01-nginx-flask-mysql.yaml"}, {}, 3},
    {{"02-nginx-wsgi-flask.yaml"}, {}, 2},
    {{"03-flask-redis.yaml"}, {}, 2},
    {{"04-nginx-nodejs-redis.yaml"}, {}, 4},
    {{"05-elk.yaml"}, {}, 3},
    {{"06-minecraft.yaml"}, {}, 1},
    {{"07-wireguard.yaml"}, {}, 1},
    {{"08-pihole-doh.yaml"}, {}, 2},
    {{"09-traefik-golang.yaml"}, {}, 2},
    {{"10-nextcloud-redis-mariadb.yaml"}, {}, 3},
    {{"11-nginx-golang-postgres.yaml"}, {}, 3},
    {{"12-wasmedge-kafka-mysql.yaml"}, {}, 3},
    {{"13-fastapi.yaml"}, {}, 1},
    // Their env files are not among the samples.
    {{"14-netbox.yaml", "14-netbox.override.yaml"},
     {},
     0,
     {"cannot read env_file env/netbox.env", "cannot read env_file env/postgres.env",
      "cannot read env_file env/redis.env", "cannot read env_file env/redis-cache.env"}},
    {{"15-redash.yaml"}, {}, 0, {"cannot read env_file .env"}},
    {{"16-otel-demo.yaml"}, {"16-otel-demo.env"}, 20},
    {{"16-otel-demo.yaml", "16-otel-demo.full.yaml"}, {"16-otel-demo.env"}, 23},
    // The included file is not among the samples.
    {{"17-include-extends.yaml"}, {}, 0, {"cannot read dir/included.yaml"}},
    {{"18-variables.yaml"}, {}, 1},
    {{"19-depends-on-cycle.yaml"}, {}, 0, {"dependency cycle: service1 → service2 → service3 → service1"}},
};

INSTANTIATE_TEST_SUITE_P(Samples, SharedSamplesTest, testing::ValuesIn(kSamples), [](const auto& test) {
  return absl::StrCat("Sample", test.param.files[0].substr(0, 2),
                      test.param.files.size() > 1 ? "Merged" : "");
});

// What the samples are there to show.
TEST(SharedSampleDetailsTest, DetailsOfTheSamples) {
  if (!FileExists(SamplesDir())) {
    GTEST_SKIP() << "skipped: no shared samples";
  }
  LoadOptions options;
  options.working_dir = SamplesDir();
  options.project_name = "sample";
  options.files = {"09-traefik-golang.yaml"};
  EXPECT_EQ(ServiceOf(Load(options), "frontend").local_data_size(), 0) << "the engine's socket is no data";
  options.files = {"13-fastapi.yaml"};
  EXPECT_TRUE(ServiceOf(Load(options), "api").has_task());
  options.files = {"16-otel-demo.yaml", "16-otel-demo.full.yaml"};
  options.env_files = {"16-otel-demo.env"};
  const auto checkout = ServiceOf(Load(options), "checkout");
  EXPECT_EQ(checkout.container().limit_memory_bytes(), 20 << 20);
  EXPECT_EQ(checkout.depends_on_size(), 9);
  EXPECT_THAT(checkout.container().environment(), testing::Contains("KAFKA_ADDR=kafka:9092"));
}

}  // namespace
}  // namespace drover::compose
