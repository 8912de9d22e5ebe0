// Tokens, roles and stacks over plain HTTP; what is denied is in the audit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "controller/runtime/access/access.h"
#include "controller/runtime/http/authorize.h"
#include "controller/runtime/http/routes.h"
#include "pki/certificates.h"
#include "tests/unit/controller/runtime/access/folder.h"
#include "tests/unit/controller/runtime/http/fakes.h"

namespace drover::controller {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// Of shop, and of a stack that is somebody else's.
View TwoStacks() {
  View view = ShopView();
  auto stack = std::make_shared<StackView>();
  stack->name = "other";
  view.stacks["other"] = stack;
  auto service = std::make_shared<ServiceView>(*view.services.begin()->second);
  service->key = {.stack = "other", .service = "db"};
  service->replicas.resize(1);
  service->replicas[0].record.id = ReplicaId(0xc1);
  service->replicas[0].name = "other-db-1";
  view.services[service->key] = service;
  return view;
}

class AccessTest : public testing::Test {
 protected:
  explicit AccessTest(bool token_needed = true) {
    AccessControl::Options options;
    options.state_dir = folder_.Path("");
    options.own_authority = true;
    options.tokens_needed = token_needed;
    access_ = *AccessControl::Open(std::move(options));
    HttpServer::Options http = TestServer::Quick();
    http.access = access_.get();
    http.token_needed = token_needed;
    http.agents_port = [] { return 7499; };
    http.observation_address = "127.0.0.1";
    test_ = std::make_unique<TestServer>(http);
    test_->loop->Publish(TwoStacks());
    EXPECT_TRUE(test_->server->Start().ok());
    client_ = std::make_unique<httplib::Client>("127.0.0.1", test_->server->port());
  }

  std::string Token(Role role, const std::string& stack = "", std::optional<Duration> ttl = {}) {
    return access_->tokens()
        .Create({.name = NameOf(role), .role = role, .stack = stack, .uses = 1, .ttl = ttl, .created_by = ""},
                absl::Now())
        ->text;
  }

  // The status of one request.
  int Ask(const std::string& token, const std::string& method, const std::string& path,
          const std::string& body = "") {
    httplib::Request request;
    request.method = method;
    request.path = path;
    request.body = body;
    if (!token.empty()) {
      request.set_header("Authorization", "Bearer " + token);
    }
    if (method == "POST" || method == "PUT") {
      request.set_header("Content-Type", "application/json");
      request.set_header("Content-Length", std::to_string(body.size()));
    }
    const auto result = client_->send(request);
    answer_ = result ? result->body : "";
    return result ? result->status : 0;
  }

  json Got(const std::string& token, const std::string& path) {
    EXPECT_EQ(Ask(token, "GET", path), 200) << path << answer_;
    return json::parse(answer_, nullptr, false);
  }

  AuditRecord LastAudit() const {
    const auto read = access_->audit().Read({.who = "", .limit = 1});
    return read.ok() && !read->empty() ? read->back() : AuditRecord();
  }

  size_t Calls() const { return test_->loop->calls.size(); }

  Folder folder_;
  std::unique_ptr<AccessControl> access_;
  std::unique_ptr<TestServer> test_;
  std::unique_ptr<httplib::Client> client_;
  std::string answer_;
};

constexpr char kScale[] = "/v1/services/shop/web/scale";
constexpr char kFive[] = R"({"replicas": 5, "forever": true, "message": "sale"})";

TEST_F(AccessTest, R12_AStrangerWithoutATokenGetsNothingAndIsInTheAudit) {
  for (const Route& route : Routes()) {
    if (NeedOf(route) == Need::kNothing) {
      continue;
    }
    std::string path = route.pattern;
    for (const char* name : {"{stack}", "{service}", "{node}", "{name}", "{token}"}) {
      if (const size_t at = path.find(name); at != std::string::npos) {
        path.replace(at, std::string_view(name).size(), "x");
      }
    }
    EXPECT_EQ(Ask("", route.method, path, "{}"), 401) << path;
    EXPECT_EQ(LastAudit().action, absl::StrCat(route.method, " ", path));
    EXPECT_THAT(LastAudit().outcome, testing::StartsWith("denied: a token is needed"));
  }
  EXPECT_EQ(Ask("", "GET", "/v1/nothing/like/this"), 401) << "not even which paths there are";
  EXPECT_EQ(Calls(), 0U);
  EXPECT_EQ(Ask("", "GET", "/healthz"), 200);
  EXPECT_EQ(Ask("", "GET", "/readyz"), 200);
}

TEST_F(AccessTest, R12_AnUnknownOrEndedTokenGetsNothingAndIsInTheAudit) {
  const std::string ended = Token(Role::kAdmin, "", absl::Nanoseconds(1));
  for (const std::string& token : {std::string("x"), ended, Token(Role::kAdmin) + "0"}) {
    EXPECT_EQ(Ask(token, "GET", "/v1/services"), 401);
    EXPECT_EQ(Ask(token, "POST", kScale, kFive), 401);
    EXPECT_THAT(LastAudit().outcome, testing::StartsWith("denied: "));
  }
  Ask(ended, "GET", "/v1/services");
  EXPECT_EQ(LastAudit().who, absl::StrCat("token ", ended.substr(5, 12)));
  EXPECT_EQ(Calls(), 0U);
}

TEST_F(AccessTest, R12_AViewerSeesAndChangesNothing) {
  const std::string viewer = Token(Role::kViewer);
  for (const char* path : {"/v1/stacks", "/v1/services", "/v1/replicas", "/v1/nodes", "/v1/orphans",
                           "/metrics", "/v1/version", "/v1/events", "/v1/http_sd"}) {
    EXPECT_EQ(Ask(viewer, "GET", path), 200) << path << answer_;
  }
  for (const auto& [method, path] : {std::pair{"POST", kScale},
                                     {"PUT", "/v1/stacks/shop"},
                                     {"DELETE", "/v1/stacks/shop"},
                                     {"POST", "/v1/exec"},
                                     {"POST", "/v1/tokens"},
                                     {"GET", "/v1/tokens"},
                                     {"GET", "/v1/audit"}}) {
    EXPECT_EQ(Ask(viewer, method, path,
                  std::string(method) == "GET" || std::string(method) == "DELETE" ? "" : "{}"),
              403)
        << path;
    EXPECT_THAT(LastAudit().who, testing::StartsWith("viewer ("));
    EXPECT_THAT(LastAudit().outcome, HasSubstr("the role viewer may not do this"));
  }
  EXPECT_EQ(Calls(), 0U);
}

TEST_F(AccessTest, R12_AnotherStacksDeployerGetsNothing) {
  const std::string deployer = Token(Role::kDeployer, "other");
  for (const auto& [method, path] : {std::pair{"POST", kScale},
                                     {"PUT", "/v1/stacks/shop"},
                                     {"DELETE", "/v1/stacks/shop"},
                                     {"GET", "/v1/stacks/shop"},
                                     {"GET", "/v1/services/shop/web"},
                                     {"GET", "/v1/services/shop/web/why"},
                                     {"GET", "/v1/services?stack=shop"},
                                     {"GET", "/v1/logs?stack=shop"},
                                     {"GET", "/v1/nodes"},
                                     {"GET", "/v1/nodes/n1"},
                                     {"GET", "/v1/orphans"},
                                     {"GET", "/v1/http_sd?stack=other"},
                                     {"GET", "/v1/traefik?consumer=x"},
                                     {"GET", "/metrics"},
                                     {"POST", "/v1/tokens"}}) {
    const bool body = std::string(method) == "POST" || std::string(method) == "PUT";
    EXPECT_EQ(Ask(deployer, method, path, body ? "{}" : ""), 403) << method << path << answer_;
    EXPECT_THAT(LastAudit().outcome, testing::StartsWith("denied: "));
  }
  EXPECT_EQ(Ask(deployer, "POST", "/v1/exec", R"({"replicaId": "shop-web-1", "command": ["sh"]})"), 404);
  EXPECT_EQ(Ask(deployer, "GET", "/v1/logs?replica=shop-web-1"), 404);
  EXPECT_EQ(Calls(), 0U);
}

TEST_F(AccessTest, R12_ADeployersListsHoldItsOwnStackOnly) {
  const std::string deployer = Token(Role::kDeployer, "other");
  const json stacks = Got(deployer, "/v1/stacks")["stacks"];
  ASSERT_EQ(stacks.size(), 1U);
  EXPECT_EQ(stacks[0]["name"], "other");
  for (const auto& [path, list] : {std::pair{"/v1/services", "services"},
                                   {"/v1/replicas", "replicas"},
                                   {"/v1/services?stack=other", "services"}}) {
    const json entries = Got(deployer, path)[list];
    ASSERT_EQ(entries.size(), 1U) << path;
    EXPECT_EQ(entries[0]["stack"], "other");
  }
  EXPECT_EQ(Got(Token(Role::kViewer), "/v1/stacks")["stacks"].size(), 2U);
}

TEST_F(AccessTest, R12_AChangeIsInTheAuditWithWhoBeforeAfterAndWhy) {
  const std::string deployer = Token(Role::kDeployer, "shop");
  EXPECT_EQ(Ask(deployer, "POST", kScale, kFive), 200) << answer_;
  AuditRecord entry = LastAudit();
  EXPECT_THAT(entry.who, testing::StartsWith("deployer ("));
  EXPECT_EQ(entry.from, "127.0.0.1");
  EXPECT_EQ(entry.action, absl::StrCat("POST ", kScale));
  EXPECT_EQ(entry.subject, "service shop/web");
  EXPECT_EQ(entry.before, "2 replicas");
  EXPECT_EQ(entry.after, "5 replicas until resumed");
  EXPECT_EQ(entry.message, "sale");
  EXPECT_EQ(entry.outcome, "done");
  EXPECT_EQ(std::get<ScaleService>(test_->loop->calls[0]).who, entry.who);
  EXPECT_EQ(Ask(deployer, "POST", kScale, R"({"replicas": 5, "hold": "0s"})"), 400);
  EXPECT_THAT(LastAudit().outcome, testing::StartsWith("refused: hold"));
  EXPECT_EQ(Ask(deployer, "DELETE", "/v1/stacks/shop?message=over"), 200);
  EXPECT_EQ(LastAudit().subject, "stack shop");
  EXPECT_EQ(LastAudit().before, "revision 3");
  EXPECT_EQ(LastAudit().message, "over");
}

TEST_F(AccessTest, R12_TokensAreMadeByAdminsAndTheirSecretIsShownOnce) {
  const std::string admin = Token(Role::kAdmin);
  ASSERT_EQ(Ask(admin, "POST", "/v1/tokens", R"({"role": "viewer", "name": "grafana"})"), 200) << answer_;
  const json created = json::parse(answer_);
  const std::string secret = created["secret"];
  EXPECT_EQ(Ask(secret, "GET", "/v1/services"), 200);
  EXPECT_EQ(Got(admin, "/v1/tokens").dump().find(secret.substr(18, 64)), std::string::npos);
  EXPECT_EQ(LastAudit().after, "viewer");
  const std::string id = created["token"]["id"];
  EXPECT_EQ(Ask(Token(Role::kOperator), "DELETE", "/v1/tokens/" + id), 403);
  EXPECT_EQ(Ask(admin, "DELETE", "/v1/tokens/" + id), 200);
  EXPECT_EQ(Ask(secret, "GET", "/v1/services"), 401);
  for (const char* body : {R"({"role": "root"})", R"({"role": "operator", "stack": "shop"})",
                           R"({"role": "viewer", "uses": 3})", R"({"role": "viewer", "ttl": "-1s"})"}) {
    EXPECT_EQ(Ask(admin, "POST", "/v1/tokens", body), 400) << body;
  }
}

TEST_F(AccessTest, TheFirstTokenIsInAFileForItsOwnerOnly) {
  std::ifstream file(folder_.Path("admin.token"));
  std::string token;
  file >> token;
  EXPECT_EQ(Ask(token, "GET", "/v1/tokens"), 200);
  EXPECT_EQ(std::filesystem::status(folder_.Path("admin.token")).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(AccessTest, R13_JoiningNeedsATokenForNodesAndNoOther) {
  const std::string node = "00000000000000aa";
  const auto join = [&](const std::string& token) {
    const json body = {{"token", token},
                       {"csr", *pki::MakeRequest(pki::MakeKey(), node)},
                       {"nodeId", node},
                       {"name", "host1"}};
    return Ask("", "POST", "/v1/join", body.dump());
  };
  EXPECT_EQ(join(""), 401);
  EXPECT_EQ(LastAudit().who, "a stranger");
  EXPECT_THAT(LastAudit().outcome, testing::StartsWith("denied: "));
  EXPECT_EQ(join(Token(Role::kAdmin)), 403);
  EXPECT_EQ(join(Token(Role::kNode, "", absl::Nanoseconds(1))), 401);
  const std::string token = Token(Role::kNode);
  EXPECT_EQ(join(token), 200) << answer_;
  EXPECT_EQ(LastAudit().outcome, "done");
  EXPECT_EQ(LastAudit().subject, "node " + node);
  const json answer = json::parse(answer_);
  EXPECT_EQ(*pki::KeyHash(answer["ca"]), access_->membership()->authority().pin());
  EXPECT_EQ(join(token), 403) << "used up";
  EXPECT_THAT(LastAudit().outcome, HasSubstr("is used up"));
  EXPECT_EQ(Ask(token, "GET", "/v1/services"), 403) << "and it is good for nothing else";
  EXPECT_EQ(Ask("", "POST", "/v1/join", "{]"), 400);
  EXPECT_EQ(Ask("", "POST", "/v1/join", "{}"), 400);
}

TEST_F(AccessTest, MonitoringHasAListenerOfItsOwnWithoutATokenAndWithNothingElse) {
  client_ = std::make_unique<httplib::Client>("127.0.0.1", test_->server->observation_port());
  for (const char* path : {"/metrics", "/healthz", "/readyz", "/v1/http_sd"}) {
    EXPECT_EQ(Ask("", "GET", path), 200) << path;
  }
  const std::string admin = Token(Role::kAdmin);
  for (const char* path : {"/v1/services", "/v1/tokens", "/v1/version", "/v1/audit"}) {
    EXPECT_EQ(Ask(admin, "GET", path), 404) << path;
  }
  EXPECT_EQ(Ask(admin, "POST", kScale, kFive), 404);
  EXPECT_EQ(Ask("", "POST", "/v1/join", "{}"), 404);
  EXPECT_EQ(Calls(), 0U);
}

class OpenAccessTest : public AccessTest {
 protected:
  OpenAccessTest() : AccessTest(/*token_needed=*/false) {}
};

TEST_F(OpenAccessTest, LoopbackIsOpenAndAuditedButATokenThatIsShownCounts) {
  EXPECT_EQ(Ask("", "POST", kScale, kFive), 200);
  EXPECT_EQ(LastAudit().who, "loopback");
  EXPECT_EQ(Ask(Token(Role::kViewer), "POST", kScale, kFive), 403);
  EXPECT_EQ(Ask("x", "GET", "/v1/services"), 401);
  EXPECT_FALSE(std::filesystem::exists(folder_.Path("admin.token")));
}

}  // namespace
}  // namespace drover::controller
