#include "controller/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/config/raw.h"

namespace drover::controller {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

absl::StatusOr<Config> FromYaml(const std::string& text) { return Validate(raw::Parse(text, "c.yaml")); }

std::string FaultsOf(const std::string& text) {
  const auto config = FromYaml(text);
  return config.ok() ? "" : std::string(config.status().message());
}

TEST(ConfigTest, NothingWrittenIsTheDefaults) {
  const auto config = FromYaml("");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->state_dir, "/var/lib/drover");
  EXPECT_EQ(config->grpc_listen, "127.0.0.1:7400");
  EXPECT_EQ(config->http_listen, "127.0.0.1:7401");
  EXPECT_EQ(config->xds_listen, "127.0.0.1:7402");
  EXPECT_FALSE(config->tls.has_value());
  EXPECT_EQ(config->core.report_interval, absl::Seconds(1));
}

TEST(ConfigTest, ExampleFileIsTheDefaultsWithEveryKey) {
  const auto example = Load("deploy/config/controller.yaml", {});
  ASSERT_TRUE(example.ok()) << example.status();
  const auto defaults = FromYaml("");
  EXPECT_EQ(example->state_dir, defaults->state_dir);
  EXPECT_EQ(example->grpc_listen, defaults->grpc_listen);
  EXPECT_EQ(example->http_listen, defaults->http_listen);
  EXPECT_EQ(example->xds_listen, defaults->xds_listen);
  EXPECT_EQ(example->xds_remember, defaults->xds_remember);
  EXPECT_EQ(example->log_level, defaults->log_level);
  EXPECT_EQ(example->log_json, defaults->log_json);
  EXPECT_EQ(example->events_kept, defaults->events_kept);
  EXPECT_EQ(example->history.max_bytes, defaults->history.max_bytes);
  EXPECT_EQ(example->history.full_for, defaults->history.full_for);
  EXPECT_EQ(example->history.keep, defaults->history.keep);
  EXPECT_EQ(example->core.report_interval, defaults->core.report_interval);
  EXPECT_EQ(example->core.settle_connected, defaults->core.settle_connected);
  EXPECT_EQ(example->core.settle_disconnected, defaults->core.settle_disconnected);
  EXPECT_EQ(example->core.mass_hold, defaults->core.mass_hold);
  EXPECT_EQ(example->core.drain_blocked_after, defaults->core.drain_blocked_after);
  EXPECT_EQ(example->core.assumed_cpu, defaults->core.assumed_cpu);
  EXPECT_EQ(example->core.assumed_memory, defaults->core.assumed_memory);
}

TEST(ConfigTest, WebhooksAreAList) {
  const auto config = FromYaml(
      "webhooks:\n- {name: a, url: 'https://lb.example/x', secret_file: /dev/null}\n"
      "- {name: b, url: 'http://127.0.0.1:80', secret_file: /dev/null}\n");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->webhooks.size(), 2U);
  EXPECT_EQ(config->webhooks[0].name, "a");
  EXPECT_EQ(config->webhooks[1].url, "http://127.0.0.1:80");
  EXPECT_THAT(
      FaultsOf("webhooks: [{name: a, url: ftp://x, secret_file: /none}, {name: a, uri: x}]\n"),
      AllOf(HasSubstr("webhooks.0.url: \"ftp://x\" must begin"), HasSubstr("webhooks.0.secret_file: /none: "),
            HasSubstr("webhooks.1.uri: unknown key; did you mean \"url\"?"),
            HasSubstr("webhooks.1.name: \"a\" is taken"), HasSubstr("webhooks.1.url: is missing")));
  EXPECT_THAT(FaultsOf("webhooks: {name: a}\n"), HasSubstr("webhooks: must be a list"));
}

TEST(ConfigTest, R12_HowMuchHistoryIsKept) {
  const auto config = FromYaml("history: {max_bytes: 64M, full_for: 2h, keep: 48h}\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->history.max_bytes, Bytes(64LL << 20));
  EXPECT_EQ(config->history.full_for, absl::Hours(2));
  EXPECT_EQ(config->history.keep, absl::Hours(48));
  EXPECT_THAT(FaultsOf("history: {max_bytes: lots, full_for: 1s, keep: 900d, kept: 1h}\n"),
              AllOf(HasSubstr("history.max_bytes: "), HasSubstr("history.full_for: "),
                    HasSubstr("history.keep: "), HasSubstr("history.kept: unknown key")));
}

TEST(ConfigTest, EveryFaultAtOnceWithPlaceKeyAndWhatWouldBeRight) {
  const std::string faults = FaultsOf(
      "state_dir: var/lib\n"
      "grpc:\n"
      "  listen: 7400\n"
      "report_interval: 5ms\n"
      "log: {level: loud}\n"
      "events_kept: many\n"
      "assumed: {cpu: none, memory: 3 apples}\n");
  for (const char* expected :
       {"c.yaml:1:12: state_dir: \"var/lib\" must be an absolute path",
        "c.yaml:3:11: grpc.listen: \"7400\" is no ADDRESS:PORT; write it like 127.0.0.1:7400",
        "c.yaml:4:18: report_interval: \"5ms\" must be a duration of 100ms to 1m, written like 1s",
        "c.yaml:5:14: log.level: \"loud\" is not one of debug, info, warning, error",
        "c.yaml:6:14: events_kept: \"many\" must be a whole number", "c.yaml:7:16: assumed.cpu: \"none\"",
        "c.yaml:7:30: assumed.memory: \"3 apples\" must be a size"}) {
    EXPECT_THAT(faults, HasSubstr(expected));
  }
}

TEST(ConfigTest, UnknownKeyComesWithTheNearestKnownOne) {
  EXPECT_THAT(FaultsOf("state-dir: /x\n"),
              HasSubstr("c.yaml:1:1: state-dir: unknown key; did you mean \"state_dir\"?"));
  EXPECT_THAT(FaultsOf("grpc: {listn: 'x:1'}\n"),
              HasSubstr("grpc.listn: unknown key; did you mean \"listen\"?"));
  EXPECT_THAT(FaultsOf("zzzzzz: 1\n"), HasSubstr("known here: advertise, assumed"));
}

TEST(ConfigTest, MalformedFilesAreFaultsNotCrashes) {
  EXPECT_THAT(FaultsOf("grpc: [\n"), HasSubstr("c.yaml:2:1: is not YAML"));
  EXPECT_THAT(FaultsOf("- a\n"), HasSubstr("must be a map"));
  EXPECT_THAT(FaultsOf("grpc: 7400\n"), HasSubstr("c.yaml:1:7: grpc: must be a map with listen"));
  EXPECT_THAT(FaultsOf("state_dir: [a]\n"), HasSubstr("state_dir: must be a single value"));
  EXPECT_THAT(FaultsOf("state_dir: /a\nstate_dir: /b\n"), HasSubstr("c.yaml:2:1: state_dir: is given twice"));
}

TEST(ConfigTest, BeyondLoopbackTheClusterIsItsOwnAuthorityAndCallersNeedATokenUnlessOffIsWritten) {
  const auto plain = FromYaml("{}");
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_FALSE(plain->own_tls_grpc || plain->own_tls_http || plain->own_tls_xds || plain->token_needed);
  const auto grpc = FromYaml("grpc: {listen: '0.0.0.0:7400'}\n");
  EXPECT_TRUE(grpc->own_tls_grpc);
  EXPECT_FALSE(grpc->own_tls_http || grpc->token_needed);
  const auto http = FromYaml("http: {listen: '[::]:7401'}\n");
  EXPECT_TRUE(http->own_tls_http && http->token_needed);
  EXPECT_TRUE(FromYaml("xds: {listen: '0.0.0.0:7402'}\n")->own_tls_xds);
  const auto own = FromYaml("tls: own\n");
  EXPECT_TRUE(own->own_tls_grpc && own->own_tls_http && own->own_tls_xds && own->token_needed);
  const auto off = FromYaml("grpc: {listen: '0.0.0.0:7400'}\nhttp: {listen: '0.0.0.0:7401'}\ntls: off\n");
  ASSERT_TRUE(off.ok()) << off.status();
  EXPECT_TRUE(off->plain_beyond_loopback);
  EXPECT_FALSE(off->own_tls_grpc || off->own_tls_http || off->token_needed);
  EXPECT_FALSE(FromYaml("tls: off\n")->plain_beyond_loopback);
  EXPECT_THAT(FaultsOf("tls: maybe\n"), HasSubstr("must be off, own, or a map with cert, key and ca"));
}

TEST(ConfigTest, TokensMayBeRequiredOnLoopbackToo) {
  EXPECT_TRUE(FromYaml("auth: required\n")->token_needed);
  EXPECT_THAT(FaultsOf("auth: off\n"), HasSubstr("is not one of required"));
}

TEST(ConfigTest, NamesForTheCertificateAndTheListenerForMonitoring) {
  const auto config = FromYaml(
      "advertise: [drover.example.com, 10.0.0.1]\nmetrics: {listen: '0.0.0.0:7411'}\n"
      "certificates: {life: 720h}\naudit: {keep: 48h}\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->advertise, testing::ElementsAre("drover.example.com", "10.0.0.1"));
  EXPECT_EQ(config->metrics_listen, "0.0.0.0:7411");
  EXPECT_EQ(config->certificate_life, absl::Hours(720));
  EXPECT_EQ(config->audit_keep, absl::Hours(48));
  EXPECT_FALSE(config->own_tls_http || config->token_needed);
  EXPECT_THAT(FaultsOf("advertise: ['a b']\n"), HasSubstr("must be a host name or an address"));
  EXPECT_THAT(FaultsOf("metrics: {listen: here}\n"), HasSubstr("is no ADDRESS:PORT"));
}

TEST(ConfigTest, TlsNeedsAllThreeFilesReadable) {
  EXPECT_THAT(FaultsOf("tls: {cert: /nowhere/c.pem}\n"),
              AllOf(HasSubstr("c.yaml:1:13: tls.cert: /nowhere/c.pem: No such file"),
                    HasSubstr("tls.key: is missing"), HasSubstr("tls.ca: is missing")));
}

TEST(ConfigTest, FlagsStandAboveTheFileAndAreNamedInFaults) {
  const auto config = Load("", {{.key = "state_dir", .value = "/tmp/x", .flag = "--state-dir"}});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->state_dir, "/tmp/x");
  const auto wrong = Load("", {{.key = "grpc.listen", .value = "here", .flag = "--grpc-listen"}});
  EXPECT_THAT(std::string(wrong.status().message()), HasSubstr("--grpc-listen: grpc.listen: \"here\" is no"));
}

TEST(ConfigTest, MissingFileIsNamed) {
  const auto config = Load("/nowhere/controller.yaml", {});
  EXPECT_EQ(config.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(config.status().message()), HasSubstr("/nowhere/controller.yaml: can't be opened"));
}

TEST(ConfigTest, AddressesWithIpv6) {
  EXPECT_EQ(ParseAddress("[::1]:7400")->host, "::1");
  EXPECT_EQ(ParseAddress("[::1]:7400")->port, 7400);
  EXPECT_THAT(std::string(ParseAddress("::1:7400").status().message()), HasSubstr("brackets"));
  EXPECT_FALSE(ParseAddress("host:99999").ok());
}

}  // namespace
}  // namespace drover::controller
