// What every Edge adapter owes, judged on the real program. Adapters are the parameter; a program that
// is not installed skips its cases.
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/edge/edge_contract.h"
#include "tests/contract/edge/http_load.h"

namespace drover::agent {
namespace {

using drover::testing::Fetch;
using drover::testing::FreePort;
using drover::testing::HttpBackend;
using drover::testing::StrictLoad;
using ::testing::HasSubstr;

class EdgeContract : public EdgeFixture, public ::testing::WithParamInterface<Adapter> {
 protected:
  EdgeContract() : EdgeFixture(GetParam()) {}
};

TEST_P(EdgeContract, AppliesAndRoutes) {
  HttpBackend a;
  HttpBackend b;
  const EdgeSetState state = Apply({To(a), To(b)});
  EXPECT_EQ(state.error, "");
  EXPECT_EQ(state.applied_revision, set_.revision);
  EXPECT_EQ(state.applied_epoch, Epoch(1));
  EXPECT_TRUE(last_.reachable);
  EXPECT_NE(last_.instance, 0u);
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(Fetch(port()), 200);
  }
  EXPECT_GT(a.served(), 0u);
  EXPECT_GT(b.served(), 0u);
  last_ = edge_->Reconcile(ContractNow());
  if (adapter_.counts) {
    EXPECT_EQ(last_.sets.front().requests_total, 6u);
    EXPECT_EQ(last_.sets.front().errors_total, 0u);
  }
  EXPECT_TRUE(last_.sets.front().servers.front().up);
}

TEST_P(EdgeContract, R6_1_NothingIsTouchedBeforeAnybodySpoke) {
  last_ = edge_->Reconcile(ContractNow());
  EXPECT_FALSE(last_.reachable);
  EXPECT_FALSE(Master());
}

TEST_P(EdgeContract, R6_1_DrainReadsInFlightDownToZero) {
  HttpBackend a;
  HttpBackend b;
  Apply({To(a)});
  a.Hold(true);
  std::thread client([&] { EXPECT_EQ(Fetch(port()), 200); });
  EXPECT_TRUE(Busy(a));
  const EdgeSetState state = Apply({To(b), To(a, true)});
  EXPECT_EQ(state.applied_revision, set_.revision);
  const std::optional<EdgeServerState> server = FirstKnown(a);
  EXPECT_TRUE(server && server->in_flight == 1 && !server->up);
  EXPECT_EQ(Fetch(port()), 200);  // new work goes to b
  EXPECT_EQ(b.served(), 1u);
  a.Hold(false);
  client.join();
  EXPECT_TRUE(Drained(ReplicaId(a.port())));
}

TEST_P(EdgeContract, R6_4_KilledBalancerIsBackWithTheRightBackends) {
  HttpBackend a;
  HttpBackend b;
  Apply({To(a)});
  Apply({To(b)});
  ASSERT_TRUE(Master());
  ExpectBackAfterKilling(*Master());
  EXPECT_EQ(b.served(), 1u);
  EXPECT_EQ(a.served(), 0u);
}

TEST_P(EdgeContract, R6_4_ANewAgentChangesNothing) {
  HttpBackend a;
  Apply({To(a)});
  const uint64_t instance = last_.instance;
  const std::optional<int> master = Master();
  edge_.reset();
  EXPECT_EQ(Fetch(port()), 200);  // without an agent
  Make();
  last_ = edge_->Reconcile(ContractNow());  // before a controller spoke: the wanted sets are those of before
  Settle();
  EXPECT_EQ(last_.instance, instance);
  EXPECT_EQ(last_.reloads, 0u);
  EXPECT_EQ(Master(), master);
  ASSERT_EQ(last_.sets.size(), 1u);
  EXPECT_EQ(last_.sets.front().applied_revision, set_.revision);
  EXPECT_EQ(Fetch(port()), 200);
  EXPECT_EQ(a.served(), 2u);
}

TEST_P(EdgeContract, R6_4_TheFileHasTheCurrentAddresses) {
  HttpBackend a;
  HttpBackend b;
  Apply({To(a)});
  Apply({To(b)});
  edge_->Reconcile(ContractNow() + absl::Seconds(2));
  const std::string text = ConfigText();
  EXPECT_THAT(text, HasSubstr(absl::StrCat(" 127.0.0.1:", b.port())));
  EXPECT_THAT(text, ::testing::Not(HasSubstr(absl::StrCat(" 127.0.0.1:", a.port()))));
}

TEST_P(EdgeContract, APortInUseIsSaidAndOtherSetsServe) {
  HttpBackend a;
  HttpBackend squatter;
  EdgeSet other = set_;
  other.handle = 8;
  other.service = "api";
  other.listeners[0].port = squatter.port();
  set_.backends = {To(a)};
  other.backends = {To(a)};
  set_.revision = other.revision = Revision(1);
  edge_->SetDesired({set_, other});
  last_ = edge_->Reconcile(ContractNow());
  ASSERT_EQ(last_.sets.size(), 2u) << last_.error;
  EXPECT_EQ(last_.sets[0].applied_revision, Revision(1)) << last_.sets[0].error;
  EXPECT_THAT(last_.sets[1].error, HasSubstr(absl::StrCat("port ", squatter.port(), " is in use")));
  EXPECT_EQ(last_.sets[1].applied_revision, Revision());
  EXPECT_EQ(Fetch(port()), 200);
}

TEST_P(EdgeContract, ABadCertificateIsSaidAndOtherSetsServe) {
  HttpBackend a;
  const std::string certificate = dir_ + "/broken.pem";
  std::ofstream(certificate) << "not a certificate\n";
  EdgeSet other = set_;
  other.handle = 8;
  other.service = "api";
  other.listeners[0].port = FreePort();
  other.listeners[0].tls_path = certificate;
  set_.backends = other.backends = {To(a)};
  set_.revision = other.revision = Revision(1);
  edge_->SetDesired({set_, other});
  last_ = edge_->Reconcile(ContractNow());
  ASSERT_EQ(last_.sets.size(), 2u) << last_.error;
  EXPECT_EQ(last_.sets[0].applied_revision, Revision(1)) << last_.sets[0].error;
  EXPECT_THAT(last_.sets[1].error, HasSubstr("broken.pem"));
  EXPECT_EQ(Fetch(port()), 200);
}

TEST_P(EdgeContract, RoutesByHostAndPath) {
  HttpBackend web;
  HttpBackend api;
  EdgeSet other = set_;
  other.handle = 8;
  other.service = "api";
  other.listeners[0].host = "Shop.example.com";
  other.listeners[0].path = "/api";
  set_.backends = {To(web)};
  other.backends = {To(api)};
  edge_->SetDesired({set_, other});
  last_ = edge_->Reconcile(ContractNow());
  EXPECT_EQ(Fetch(port(), "/api/v1", "shop.example.com:8080"), 200);
  EXPECT_EQ(Fetch(port(), "/api", "SHOP.example.com"), 200);
  EXPECT_EQ(api.served(), 2u);
  EXPECT_EQ(Fetch(port(), "/apidocs", "shop.example.com"), 200);
  EXPECT_EQ(Fetch(port(), "/api", "other.example.com"), 200);
  EXPECT_EQ(web.served(), 2u);
}

TEST_P(EdgeContract, RoutesPlainTcp) {
  HttpBackend a;
  set_.http = false;
  const EdgeSetState state = Apply({To(a)});
  EXPECT_EQ(state.applied_revision, set_.revision) << state.error;
  EXPECT_EQ(Fetch(port()), 200);
}

TEST_P(EdgeContract, R6_1_InFlightOfBeforeAChangeStillCounts) {
  HttpBackend a;
  HttpBackend b;
  Apply({To(a)});
  a.Hold(true);
  std::thread client([&] { EXPECT_EQ(Fetch(port()), 200); });
  EXPECT_TRUE(Busy(a));
  set_.slots = 9;  // a reason to reload, whichever balancer it is
  Apply({To(b), To(a, true)});
  EXPECT_EQ(last_.reloads, 1u);
  // Unknown for a moment perhaps, then absent, never zero.
  const std::optional<EdgeServerState> server = FirstKnown(a);
  EXPECT_TRUE(server && server->in_flight == 1);
  a.Hold(false);
  client.join();
  EXPECT_TRUE(Drained(ReplicaId(a.port())));
}

TEST_P(EdgeContract, R6_1_ReplacingReplicasLosesNoMoreThanReloadsCost) {
  std::vector<std::unique_ptr<HttpBackend>> live;
  for (int i = 0; i < 3; ++i) {
    live.push_back(std::make_unique<HttpBackend>());
  }
  Apply({To(*live[0]), To(*live[1]), To(*live[2])});
  StrictLoad load(port(), 4, adapter_.keeps_alive);
  for (int i = 0; i < 4; ++i) {
    auto fresh = std::make_unique<HttpBackend>();
    EXPECT_EQ(Apply({To(*live[1]), To(*live[2]), To(*fresh), To(*live[0], true)}).applied_revision,
              set_.revision);
    ASSERT_TRUE(Drained(ReplicaId(live[0]->port())));
    ASSERT_TRUE(Drained(ReplicaId(live[0]->port())));
    live.erase(live.begin());
    live.push_back(std::move(fresh));
  }
  load.Stop();
  // docs/balancers.md: a reload of nginx can cost a request.
  EXPECT_LE(load.failed(), adapter_.keeps_alive ? 0u : last_.reloads);
  EXPECT_GT(load.done(), 0u);
}

TEST_P(EdgeContract, AtZeroItAnswersAndComesBack) {
  HttpBackend a;
  EXPECT_EQ(Apply({}).applied_revision, set_.revision);
  EXPECT_EQ(Fetch(port()), 503);
  EXPECT_EQ(Apply({To(a)}).applied_revision, set_.revision);
  EXPECT_EQ(Fetch(port()), 200);
}

INSTANTIATE_TEST_SUITE_P(All, EdgeContract, ::testing::Values(HaproxyAdapter(), NginxAdapter()),
                         [](const ::testing::TestParamInfo<Adapter>& adapter) { return adapter.param.name; });

}  // namespace
}  // namespace drover::agent
