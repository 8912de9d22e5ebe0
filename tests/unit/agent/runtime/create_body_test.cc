#include "agent/runtime/docker/create_body.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace drover::agent::docker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Json = nlohmann::json;

constexpr char kTestdata[] = "tests/unit/agent/runtime/testdata/";

v1::ServiceContext Parse(const std::string& text) {
  v1::ServiceContext context;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &context)) << text;
  return context;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

v1::ServiceContext Small(const std::string& container = "") {
  return Parse(R"(spec_hash: "h" stack: "shop" service: "web" container {)" + container + "}");
}

ReplicaToCreate Replica() {
  ReplicaToCreate replica;
  replica.replica = ReplicaId(0xabc);
  replica.cluster = ClusterId("c1");
  replica.epoch = Epoch(7);
  replica.number = 3;
  replica.image = "sha256:1234";
  replica.node = "host1";
  replica.advertise_address = "10.0.0.7";
  return replica;
}

Json Body(const v1::ServiceContext& context, const ReplicaToCreate& replica = Replica()) {
  return Json::parse(CreateBody(context, replica));
}

// Every field of ContainerSpec, and what the engine is asked for. DROVER_REWRITE_GOLDEN=1 rewrites it.
TEST(CreateBodyTest, RichSpecMatchesItsGoldenFile) {
  v1::ServiceContext context = Parse(ReadFile(std::string(kTestdata) + "rich.textproto"));
  ReplicaToCreate replica = Replica();
  replica.published = {{8000, 20001}};
  replica.files = {{"config/app", "/var/lib/drover-agent/files/ab/app"}};
  replica.api_minor = 44;
  std::string text = Body(context, replica).dump(2) + "\n";
  std::string golden = std::string(kTestdata) + "rich.json";
  if (std::getenv("DROVER_REWRITE_GOLDEN") != nullptr) {
    std::ofstream(golden) << text;
  }
  EXPECT_EQ(text, ReadFile(golden));
}

TEST(CreateBodyTest, R3_7_TheEngineNeverRestarts) {
  EXPECT_EQ(Body(Small())["HostConfig"]["RestartPolicy"]["Name"], "no");
}

TEST(CreateBodyTest, R6_2_PublishedOnTheAdvertiseAddressOnly) {
  ReplicaToCreate replica = Replica();
  replica.published = {{8000, 20001}};
  Json body = Body(Small(), replica);
  EXPECT_EQ(body["HostConfig"]["PortBindings"]["8000/tcp"],
            Json::parse(R"([{"HostIp": "10.0.0.7", "HostPort": "20001"}])"));
  EXPECT_EQ(body["Labels"]["io.drover.port.8000"], "20001");
}

TEST(CreateBodyTest, R8_2_HostPortsBindWhereTheyAreWritten) {
  v1::ServiceContext context = Parse(R"(stack: "s" service: "d" container {}
      host_ports { target: 53 published: 5353 protocol: PROTOCOL_UDP host_ip: "127.0.0.1" })");
  EXPECT_EQ(Body(context)["HostConfig"]["PortBindings"]["53/udp"],
            Json::parse(R"([{"HostIp": "127.0.0.1", "HostPort": "5353"}])"));
}

TEST(CreateBodyTest, LabelsForComposeButNeverThoseThatDownWouldFind) {
  Json labels = Body(Small(R"(
      labels { key: "com.docker.compose.config-hash" value: "x" }
      labels { key: "com.docker.compose.oneoff" value: "False" }
      labels { key: "team" value: "a" })"))["Labels"];
  EXPECT_EQ(labels["com.docker.compose.project"], "shop");
  EXPECT_EQ(labels["com.docker.compose.service"], "web");
  EXPECT_EQ(labels["com.docker.compose.container-number"], "3");
  EXPECT_EQ(labels["team"], "a");
  EXPECT_FALSE(labels.contains("com.docker.compose.config-hash"));
  EXPECT_FALSE(labels.contains("com.docker.compose.oneoff"));
}

TEST(CreateBodyTest, CommandAndEntrypointAreLeftGivenOrCleared) {
  EXPECT_FALSE(Body(Small()).contains("Cmd"));
  EXPECT_EQ(Body(Small("command_set: true"))["Cmd"], Json::array());
  EXPECT_EQ(Body(Small(R"(command: "a")"))["Cmd"], Json::parse(R"(["a"])"));
  EXPECT_FALSE(Body(Small()).contains("Entrypoint"));
  EXPECT_EQ(Body(Small("entrypoint_set: true"))["Entrypoint"], Json::parse(R"([""])"));
}

TEST(CreateBodyTest, TheUsersOwnVariablesWin) {
  Json env = Body(Small(R"(environment: "DROVER_SLOT=mine")"))["Env"];
  EXPECT_EQ(env[0], "DROVER_SLOT=mine");
  EXPECT_EQ(std::count(env.begin(), env.end(), Json("DROVER_SLOT=3")), 0);
  EXPECT_EQ(std::count(env.begin(), env.end(), Json("DROVER_REPLICA_ID=0000000000000abc")), 1);
}

TEST(CreateBodyTest, StartIntervalOnlyWhereTheEngineKnowsIt) {
  v1::ServiceContext context =
      Small(R"(healthcheck { test: "CMD" test: "/ok" start_interval { nanos: 500000000 } })");
  EXPECT_FALSE(Body(context)["Healthcheck"].contains("StartInterval"));
  ReplicaToCreate newer = Replica();
  newer.api_minor = 44;
  EXPECT_EQ(Body(context, newer)["Healthcheck"]["StartInterval"], 500000000);
}

TEST(CreateBodyTest, OneNetworkAtCreationTheOthersAfter) {
  v1::ServiceContext context = Small(R"(networks { network: "shop_a" aliases: "www" }
                                        networks { network: "shop_b" ipv4_address: "10.5.0.9" })");
  Json body = Body(context);
  EXPECT_EQ(body["HostConfig"]["NetworkMode"], "shop_a");
  EXPECT_EQ(body["NetworkingConfig"]["EndpointsConfig"]["shop_a"]["Aliases"],
            Json::parse(R"(["web", "www"])"));
  std::vector<Endpoint> more = MoreNetworks(context);
  ASSERT_EQ(more.size(), 1u);
  EXPECT_EQ(more[0].network, "shop_b");
  EXPECT_EQ(Json::parse(more[0].settings)["IPAMConfig"]["IPv4Address"], "10.5.0.9");
}

TEST(CreateBodyTest, NamesInComposesWayAndTheNextFreeOne) {
  EXPECT_EQ(ContainerName(Small(), 3, 0), "shop-web-3");
  EXPECT_EQ(ContainerName(Small(), 3, 1), "shop-web-3-2");
  EXPECT_EQ(ContainerName(Small(R"(container_name: "db")"), 1, 0), "db");
}

TEST(CreateBodyTest, NamesWhatTheEngineDroppedSilently) {
  v1::ServiceContext context = Small(R"(healthcheck { test: "NONE" } limit_memory_bytes: 5)");
  std::string body = CreateBody(context, Replica());
  Json got = {{"Config", Json::parse(body)}, {"HostConfig", Json::parse(body)["HostConfig"]}};
  got["Config"]["Env"].push_back("PATH=/bin");
  EXPECT_THAT(Dropped(body, got.dump()), IsEmpty());
  got["Config"].erase("Healthcheck");
  got["HostConfig"]["Memory"] = 0;
  EXPECT_THAT(Dropped(body, got.dump()), ElementsAre("Healthcheck", "HostConfig.Memory"));
}

}  // namespace
}  // namespace drover::agent::docker
