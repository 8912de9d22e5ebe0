#include "controller/runtime/http/metrics.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "tests/unit/controller/runtime/http/fakes.h"

namespace drover::controller {
namespace {

// name{labels} -> value; fails on a line that is not Prometheus' text format.
std::map<std::string, double> Parse(const std::string& text) {
  std::map<std::string, double> values;
  std::set<std::string> typed;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("# TYPE ", 0) == 0) {
      EXPECT_TRUE(typed.insert(line).second) << "twice: " << line;
      continue;
    }
    if (line.rfind("# ", 0) == 0) {
      continue;
    }
    const size_t space = line.rfind(' ');
    EXPECT_NE(space, std::string::npos) << line;
    EXPECT_EQ(line.rfind("drover_", 0), 0U) << line;
    EXPECT_TRUE(values.emplace(line.substr(0, space), std::stod(line.substr(space + 1))).second) << line;
  }
  return values;
}

TEST(MetricsTest, ServicesSignalsNodesAndLoop) {
  const View view = ShopView();
  const auto values = Parse(MetricsText({.view = &view,
                                         .loop = {.events = 10,
                                                  .commits = 4,
                                                  .step_seconds = 0.5,
                                                  .commit_seconds = 0.25,
                                                  .commit_failures = 1,
                                                  .queue_length = 3},
                                         .event_streams = 2,
                                         .decisions = {{{"up", "ScaleUpLimit"}, 6}}}));
  const std::string web = R"({stack="shop",service="web"})";
  EXPECT_EQ(values.at("drover_service_desired_replicas" + web), 2);
  EXPECT_EQ(values.at("drover_service_ready_replicas" + web), 1);
  EXPECT_EQ(values.at("drover_service_running_replicas" + web), 1);
  EXPECT_EQ(values.at("drover_service_pending_replicas" + web), 1);
  EXPECT_EQ(values.at("drover_service_draining_replicas" + web), 0);
  EXPECT_EQ(values.at("drover_service_min_replicas" + web), 1);
  EXPECT_EQ(values.at("drover_service_max_replicas" + web), 9);
  const std::string cpu = R"({stack="shop",service="web",signal="cpu"})";
  EXPECT_EQ(values.at("drover_signal_value" + cpu), 85);
  EXPECT_EQ(values.at("drover_signal_target" + cpu), 60);
  EXPECT_EQ(values.at("drover_signal_age_seconds" + cpu), 0.5);
  EXPECT_EQ(values.at(R"(drover_nodes{status="up"})"), 1);
  EXPECT_EQ(values.at(R"(drover_nodes{status="lost"})"), 1);
  EXPECT_EQ(values.at("drover_orphans"), 1);
  EXPECT_EQ(values.at(R"(drover_decisions_total{direction="up",reason="ScaleUpLimit"})"), 6);
  EXPECT_EQ(values.at("drover_store_commit_seconds_count"), 4);
  EXPECT_EQ(values.at("drover_store_commit_seconds_sum"), 0.25);
  EXPECT_EQ(values.at("drover_store_commit_failures_total"), 1);
  EXPECT_EQ(values.at("drover_loop_queue_length"), 3);
  EXPECT_EQ(values.at("drover_controller_ready"), 1);
  EXPECT_EQ(values.at("drover_frozen"), 0);
  EXPECT_EQ(values.at(R"(drover_node_availability{node="host-n1",availability="active"})"), 1);
}

TEST(MetricsTest, RequestsHaveQuantilesWhereEnoughAreKnown) {
  View view = ShopView();
  auto web = std::make_shared<ServiceView>(*view.services.begin()->second);
  for (int i = 0; i < 200; ++i) {
    web->times.replica.Add(absl::Milliseconds(i < 180 ? 20 : 200));
    web->times.answered.Add(absl::Milliseconds(i < 180 ? 30 : 300));
  }
  view.services.begin()->second = web;
  const auto values = Parse(MetricsText({.view = &view, .loop = {}, .event_streams = 0, .decisions = {}}));
  const auto of = [](const char* quantile) {
    return absl::StrCat(R"({stack="shop",service="web",quantile=")", quantile, R"("})");
  };
  EXPECT_NEAR(values.at("drover_service_request_duration_seconds" + of("0.5")), 0.03, 0.005);
  EXPECT_NEAR(values.at("drover_service_request_duration_seconds" + of("0.95")), 0.3, 0.045);
  EXPECT_NEAR(values.at("drover_service_request_replica_duration_seconds" + of("0.95")), 0.2, 0.03);
  EXPECT_EQ(values.count("drover_service_request_duration_seconds" + of("0.99")), 0U) << "needs 500";
  EXPECT_EQ(values.at(R"(drover_service_request_samples{stack="shop",service="web"})"), 200);
}

TEST(MetricsTest, BalancersTellTheirCountsByNodeAndPort) {
  View view = ShopView();
  auto node = std::make_shared<NodeView>(*view.nodes.begin()->second);
  node->record.name = "host1";
  EdgeStatus& edge = node->edge.emplace();
  edge.reachable = true;
  edge.reloads = 3;
  EdgeSetStatus& status = edge.sets.emplace_back();
  status.set = 7;
  status.requests_total = 100;
  status.errors_total = 4;
  status.closed_total = 2;
  status.servers = {{ReplicaId(1), 5, true}, {ReplicaId(2), 6, true}};
  edge.sets.emplace_back().set = 8;  // of a service that is gone
  view.nodes.begin()->second = node;
  auto service = std::make_shared<ServiceView>(*view.services.at({"shop", "web"}));
  BackendSet& set = service->sets.emplace_back();
  set.handle = 7;
  set.service = service->key;
  set.target = 80;
  view.services[service->key] = service;
  const auto values = Parse(MetricsText({.view = &view, .loop = {}, .event_streams = 0, .decisions = {}}));
  const std::string of_set = R"({stack="shop",service="web",node="host1",port="80"})";
  EXPECT_EQ(values.at(R"(drover_edge_up{node="host1"})"), 1);
  EXPECT_EQ(values.at(R"(drover_edge_reloads_total{node="host1"})"), 3);
  EXPECT_EQ(values.at("drover_edge_requests_total" + of_set), 100);
  EXPECT_EQ(values.at("drover_edge_errors_total" + of_set), 4);
  EXPECT_EQ(values.at("drover_edge_closed_total" + of_set), 2);
  EXPECT_EQ(values.at("drover_edge_in_flight" + of_set), 11);
  EXPECT_EQ(values.count("drover_edge_queued" + of_set), 0U) << "not read";
}

TEST(MetricsTest, R12_TheHistoryAndWhatItLost) {
  const View view = ShopView();
  MetricsInput input{.view = &view, .loop = {}, .event_streams = 0, .decisions = {}};
  EXPECT_EQ(Parse(MetricsText(input)).count("drover_history_bytes"), 0U);  // none is kept

  HistoryLog::Stats& history = input.history.emplace();
  history.records = 12;
  history.dropped = 3;
  history.failures = 2;
  history.damaged = 77;
  history.bytes = 4096;
  const auto values = Parse(MetricsText(input));
  EXPECT_EQ(values.at("drover_history_records_total"), 12);
  EXPECT_EQ(values.at("drover_history_dropped_total"), 3);
  EXPECT_EQ(values.at("drover_history_write_failures_total"), 2);
  EXPECT_EQ(values.at("drover_history_damaged_bytes_total"), 77);
  EXPECT_EQ(values.at("drover_history_bytes"), 4096);
}

TEST(MetricsTest, R4_1_AnUnknownSignalHasNoValue) {
  View view = ShopView();
  auto service = std::make_shared<ServiceView>(*view.services.begin()->second);
  auto decision = std::make_shared<Decision>(*service->decision);
  decision->signals[0].value.reset();
  service->decision = decision;
  view.services.begin()->second = service;
  const auto values = Parse(MetricsText({.view = &view, .loop = {}, .event_streams = 0, .decisions = {}}));
  const std::string cpu = R"({stack="shop",service="web",signal="cpu"})";
  EXPECT_EQ(values.at("drover_signal_known" + cpu), 0);
  EXPECT_EQ(values.count("drover_signal_value" + cpu), 0U);
  EXPECT_EQ(values.count("drover_signal_age_seconds" + cpu), 0U);
}

TEST(MetricsTest, NoContainerIdIsALabel) {
  const View view = ShopView();
  const std::string text = MetricsText({.view = &view, .loop = {}, .event_streams = 0, .decisions = {}});
  EXPECT_EQ(text.find("00000000000000a1"), std::string::npos);
}

}  // namespace
}  // namespace drover::controller
