// The verbs against a small server: what they ask, what they print, how they end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "cli/session.h"
#include "tests/unit/cli/fake_controller.h"
#include "tests/unit/cli/run_cli.h"
#include "tests/unit/cli/samples.h"

namespace drover::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class CommandsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { setenv("TZ", "UTC", 1); }

  Outcome Drover(const std::vector<std::string>& arguments, const std::string& input = "") {
    std::map<std::string, std::string> environment = environment_;
    environment.emplace("DROVER_ADDR", fake_.address());
    return RunCli(arguments, std::move(environment), "tests/unit/cli", input);
  }

  // Compares with tests/unit/cli/golden/NAME.txt; DROVER_REWRITE=1 writes it anew.
  void ExpectGolden(const std::string& name, const std::string& text) {
    const std::string path = absl::StrCat("tests/unit/cli/golden/", name, ".txt");
    const std::string actual = absl::StrReplaceAll(text, {{fake_.address(), "ADDRESS"}});
    if (std::getenv("DROVER_REWRITE") != nullptr) {
      std::ofstream(path) << actual;
    }
    std::stringstream expected;
    expected << std::ifstream(path).rdbuf();
    EXPECT_EQ(actual, expected.str()) << "DROVER_REWRITE=1 writes it anew";
  }

  FakeController fake_;
  std::map<std::string, std::string> environment_;
};

// ---- reads ----

TEST_F(CommandsTest, TablesForPeople) {
  fake_.Answer("GET /v1/stacks", SampleStacks());
  fake_.Answer("GET /v1/replicas", SampleReplicas());
  fake_.Answer("GET /v1/services", SampleServices());
  fake_.Answer("GET /v1/services/shop/web/why", SampleWhy());
  fake_.Answer("GET /v1/events", SampleEvents());
  fake_.Answer("GET /v1/nodes", SampleNodes());
  fake_.Answer("GET /v1/nodes/n1", SampleNodes().nodes(0));
  fake_.Answer("GET /v1/version", SampleVersion());
  const std::map<std::string, std::vector<std::string>> verbs = {
      {"ls", {"ls"}},
      {"ps", {"ps"}},
      {"why", {"why", "web"}},
      {"events", {"events"}},
      {"node_ls", {"node", "ls"}},
      {"node_inspect", {"node", "inspect", "host1"}},
      {"stats", {"stats"}},
      {"top", {"top"}},
      {"version", {"version"}}};
  for (const auto& [name, arguments] : verbs) {
    const Outcome outcome = Drover(arguments);
    EXPECT_EQ(outcome.code, kOk) << name << ": " << outcome.err;
    ExpectGolden(name, outcome.out);
  }
}

TEST_F(CommandsTest, JsonIsTheMessage) {
  fake_.Answer("GET /v1/stacks", SampleStacks());
  v1::ListStacksResponse response;
  ASSERT_TRUE(FromJson(Drover({"ls", "-o", "json"}).out, &response).ok());
  EXPECT_EQ(response.SerializeAsString(), SampleStacks().SerializeAsString());
  EXPECT_EQ(Drover({"ls", "-o", "xml"}).code, kError);
}

TEST_F(CommandsTest, ReadsFilterByStackAndService) {
  fake_.Answer("GET /v1/replicas", SampleReplicas());
  Drover({"ps", "shop/web"});
  EXPECT_EQ(fake_.requests().back().call, "GET /v1/replicas?stack=shop&service=web");
  Drover({"ps", "-p", "shop"});
  EXPECT_EQ(fake_.requests().back().call, "GET /v1/replicas?stack=shop");
}

TEST_F(CommandsTest, AServiceAloneIsFoundWhereItIsUnique) {
  v1::ListServicesResponse services = SampleServices();
  services.add_services()->set_stack("other");
  services.mutable_services(services.services_size() - 1)->set_name("web");
  fake_.Answer("GET /v1/services", services);
  EXPECT_THAT(Drover({"why", "web"}).err,
              HasSubstr("several stacks have a service \"web\"; name one of shop/web, other/web"));
  EXPECT_THAT(Drover({"why", "wbe"}).err,
              HasSubstr("no stack has a service \"wbe\"; `drover ls` shows them"));
}

TEST_F(CommandsTest, EdgeSnippetAndCheck) {
  v1::EdgeChecksResponse response;
  fake_.Answer("GET /v1/services", SampleServices());
  fake_.AnswerError("GET /v1/edges/checks", 404, "no service \"shop/wob\"; there are: shop/web");
  EXPECT_EQ(Drover({"edge", "snippet", "shop/wob"}).err,
            "drover: no service \"shop/wob\"; there are: shop/web\n");

  const auto add = [&](const std::string& node, const std::string& snippet) {
    v1::EdgeCheckup& edge = *response.add_edges();
    edge.set_stack("shop");
    edge.set_service("web");
    edge.set_backend("farm");
    edge.set_node_name(node);
    edge.set_snippet(snippet);
    v1::EdgeCheckup::Check& check = *edge.add_checks();
    check.set_name("backend");
    check.set_result(v1::EdgeCheckup::Check::OK);
    return &edge;
  };
  add("host1", "backend farm\n  option redispatch 1\n");
  add("host2", "backend farm\n  option redispatch 1\n");
  FakeController fake;
  environment_["DROVER_ADDR"] = fake.address();
  fake.Answer("GET /v1/services", SampleServices());
  fake.Answer("GET /v1/edges/checks", response);
  const Outcome snippet = Drover({"edge", "snippet", "web"});
  EXPECT_EQ(snippet.code, kOk) << snippet.err;
  EXPECT_EQ(snippet.out, "# host1, farm; host2, farm\nbackend farm\n  option redispatch 1\n");
  EXPECT_EQ(fake.requests().back().call, "GET /v1/edges/checks?stack=shop&service=web");
  const Outcome fine = Drover({"edge", "check"});
  EXPECT_EQ(fine.code, kOk) << fine.err;
  EXPECT_EQ(fake.requests().back().call, "GET /v1/edges/checks");
  EXPECT_THAT(fine.out, HasSubstr("NODE   EDGE              CHECK    RESULT\n"));
}

TEST_F(CommandsTest, EdgeCheckEndsWith1WhenALineIsMissing) {
  v1::EdgeChecksResponse response;
  v1::EdgeCheckup& edge = *response.add_edges();
  edge.set_stack("shop");
  edge.set_service("web");
  edge.set_backend("farm");
  edge.set_node_name("host1");
  v1::EdgeCheckup::Check& hidden = *edge.add_checks();
  hidden.set_name("redispatch");
  hidden.set_result(v1::EdgeCheckup::Check::UNKNOWN);
  hidden.set_detail("another host's");
  v1::EdgeCheckup::Check& missing = *edge.add_checks();
  missing.set_name("servers");
  missing.set_result(v1::EdgeCheckup::Check::FAILED);
  missing.set_detail("two\nlines");
  response.add_edges()->set_error("node host2 is not connected");
  fake_.Answer("GET /v1/edges/checks", response);
  const Outcome outcome = Drover({"edge", "check", "shop/web"});
  EXPECT_EQ(outcome.code, kError);
  EXPECT_THAT(outcome.out, HasSubstr("redispatch  unknown  another host's\n"));
  EXPECT_THAT(outcome.out, HasSubstr("servers     failed   two lines\n"));
  EXPECT_THAT(outcome.out, HasSubstr("agent       failed   node host2 is not connected\n"));
  const Outcome json = Drover({"edge", "check", "shop/web", "--json"});
  EXPECT_EQ(json.code, kError);
  v1::EdgeChecksResponse read;
  ASSERT_TRUE(FromJson(json.out, &read).ok());
  EXPECT_EQ(read.SerializeAsString(), response.SerializeAsString());
  EXPECT_EQ(Drover({"edge", "snippet", "shop/web"}).code, kError);  // no edge knows its lines
}

TEST_F(CommandsTest, ABalancerOfDroversOwnNeedsNoLines) {
  v1::EdgeChecksResponse response;
  response.set_note("shop/web is behind balancers that Drover configures itself");
  fake_.Answer("GET /v1/edges/checks", response);
  for (const char* verb : {"snippet", "check"}) {
    const Outcome outcome = Drover({"edge", verb, "shop/web"});
    EXPECT_EQ(outcome.code, kOk);
    EXPECT_EQ(outcome.out, response.note() + "\n");
  }
}

TEST_F(CommandsTest, WhyAtATimeSaysOfWhen) {
  v1::WhyResponse why = SampleWhy();
  why.mutable_at()->set_seconds(1'600'000'000);
  why.set_note("only means of 10 s are kept of that time");
  why.clear_replicas();
  fake_.Answer("GET /v1/services/shop/web/why", why);
  const Outcome outcome = Drover({"why", "shop/web", "--at", "2h"});
  EXPECT_EQ(outcome.code, kOk) << outcome.err;
  ExpectGolden("why_at", outcome.out);
  EXPECT_EQ(fake_.Find("GET /v1/services/shop/web/why").call, "GET /v1/services/shop/web/why?at=2h");
}

TEST_F(CommandsTest, EventsAreFilteredAndFollowed) {
  fake_.Answer("GET /v1/events", SampleEvents());
  const Outcome typed = Drover({"events", "--type", "stop", "-o", "json"});
  v1::ListEventsResponse response;
  ASSERT_TRUE(FromJson(typed.out, &response).ok());
  EXPECT_EQ(response.events_size(), 1);
  EXPECT_THAT(Drover({"events", "--since", "1h"}).out, IsEmpty());
  EXPECT_EQ(Drover({"events", "--type", "nonsense"}).code, kError);

  v1::Event fresh = SampleEvents().events(0);
  fresh.set_id(9);
  fresh.set_reason("Fresh");
  const v1::Event old = SampleEvents().events(0);
  fake_.AnswerStream("GET /v1/events", {&old, &fresh});
  const Outcome watched = Drover({"events", "-w"});
  EXPECT_THAT(watched.out, HasSubstr("Fresh"));
  EXPECT_EQ(fake_.requests().back().last_event_id, "3");
}

// ---- up, plan, down, config ----

TEST_F(CommandsTest, UpAppliesPrintsThePlanAndWaits) {
  fake_.Answer("PUT /v1/stacks/shop", SampleApply());
  v1::Stack stack = SampleStacks().stacks(0);
  stack.set_revision(2);
  fake_.Answer("GET /v1/stacks/shop", stack);  // an older revision does not count
  stack.set_revision(3);
  fake_.Answer("GET /v1/stacks/shop", stack);
  for (v1::Service& service : *stack.mutable_services()) {
    service.set_converged(true);
    service.set_ready(service.desired());
    service.clear_starting();
    service.set_status("converged");
  }
  fake_.Answer("GET /v1/stacks/shop", stack);
  const Outcome outcome = Drover({"up", "-f", "stack.yaml", "--message", "first"});
  EXPECT_EQ(outcome.code, kOk) << outcome.err;
  ExpectGolden("up", outcome.out);
  EXPECT_THAT(outcome.err, HasSubstr("stack.yaml:7:13: warning: port 6379 is not published"));
  v1::ApplyStackRequest request;
  ASSERT_TRUE(FromJson(fake_.Find("PUT").body, &request).ok());
  EXPECT_EQ(request.spec().name(), "shop");
  EXPECT_EQ(request.message(), "first");
  EXPECT_EQ(request.warnings_size(), 1);
  EXPECT_FALSE(request.dry_run());
}

TEST_F(CommandsTest, UpDetachedDoesNotAsk) {
  fake_.Answer("PUT /v1/stacks/shop", SampleApply());
  EXPECT_EQ(Drover({"up", "-f", "stack.yaml", "-d"}).code, kOk);
  EXPECT_EQ(fake_.requests().size(), 1u);
}

TEST_F(CommandsTest, UpTimesOutWithWhatIsMissing) {
  fake_.Answer("PUT /v1/stacks/shop", SampleApply());
  v1::Stack stack = SampleStacks().stacks(0);
  stack.set_revision(3);
  fake_.Answer("GET /v1/stacks/shop", stack);
  const Outcome outcome = Drover({"up", "-f", "stack.yaml", "-d", "--wait", "--timeout", "20ms"});
  EXPECT_EQ(outcome.code, kTimedOut);
  EXPECT_THAT(outcome.err, HasSubstr("not done after 20ms: web (2/5 ready, 3 starting)"));
}

TEST_F(CommandsTest, UpIsRefusedBeforeAnyChange) {
  const Outcome broken = Drover({"up", "-f", "broken.yaml"});
  EXPECT_EQ(broken.code, kError);
  EXPECT_THAT(broken.err,
              HasSubstr("broken.yaml:3:5: unknown key \"imag\" in service \"web\"; did you mean \"image\"?"));
  EXPECT_THAT(fake_.requests(), IsEmpty());
  const Outcome built = Drover({"up", "-f", "built.yaml"});
  EXPECT_EQ(built.code, kError);
  EXPECT_THAT(built.err, HasSubstr("web is only built"));
  EXPECT_THAT(fake_.requests(), IsEmpty());
  fake_.AnswerError("PUT /v1/stacks/shop", 422, "image shop/web:1.4 is nowhere; push it");
  const Outcome refused = Drover({"up", "-f", "stack.yaml"});
  EXPECT_EQ(refused.code, kError);
  EXPECT_THAT(refused.err, HasSubstr("drover: image shop/web:1.4 is nowhere; push it"));
}

TEST_F(CommandsTest, PlanEndsWith2WhenThereAreChanges) {
  fake_.Answer("PUT /v1/stacks/shop", SampleApply());
  fake_.Answer("PUT /v1/stacks/shop", v1::ApplyStackResponse());
  const Outcome changes = Drover({"plan", "-f", "stack.yaml"});
  EXPECT_EQ(changes.code, kPlanHasChanges);
  ExpectGolden("plan", changes.out);
  const Outcome nothing = Drover({"plan", "-f", "stack.yaml"});
  EXPECT_EQ(nothing.code, kOk);
  EXPECT_EQ(nothing.out, "nothing changes\n");
  v1::ApplyStackRequest request;
  ASSERT_TRUE(FromJson(fake_.Find("PUT").body, &request).ok());
  EXPECT_TRUE(request.dry_run());
  EXPECT_EQ(Drover({"plan", "-f", "broken.yaml"}).code, kError);
}

TEST_F(CommandsTest, DownWaitsUntilTheStackIsGone) {
  fake_.Answer("DELETE /v1/stacks/shop", v1::ChangeResponse());
  fake_.Answer("GET /v1/stacks/shop", SampleStacks().stacks(0));
  fake_.AnswerError("GET /v1/stacks/shop", 404, "no stack shop");
  const Outcome outcome = Drover({"down", "-p", "shop", "-v", "--message", "a b"});
  EXPECT_EQ(outcome.code, kOk);
  EXPECT_THAT(outcome.out, HasSubstr("shop is gone"));
  EXPECT_EQ(fake_.Find("DELETE").call, "DELETE /v1/stacks/shop?volumes=true&message=a%20b");
}

TEST_F(CommandsTest, DownTakesTheNameFromTheFileAndTimesOut) {
  fake_.Answer("DELETE /v1/stacks/shop", v1::ChangeResponse());
  fake_.Answer("GET /v1/stacks/shop", SampleStacks().stacks(0));
  const Outcome outcome = Drover({"down", "-f", "stack.yaml", "--timeout", "10ms"});
  EXPECT_EQ(outcome.code, kTimedOut);
  EXPECT_EQ(fake_.Find("DELETE").call, "DELETE /v1/stacks/shop");
}

TEST_F(CommandsTest, ConfigNeedsNoController) {
  environment_["DROVER_ADDR"] = "http://127.0.0.1:1";
  const Outcome text = Drover({"config", "-f", "built.yaml"});
  EXPECT_EQ(text.code, kOk);
  EXPECT_THAT(text.out, HasSubstr("image: built-web"));
  EXPECT_THAT(text.err, HasSubstr("`up` is refused: web is only built"));
  v1::StackSpec spec;
  ASSERT_TRUE(FromJson(Drover({"config", "-f", "stack.yaml", "-o", "json"}).out, &spec).ok());
  EXPECT_EQ(spec.services_size(), 2);
  EXPECT_EQ(Drover({"config", "-f", "broken.yaml"}).code, kError);
}

// ---- changes ----

TEST_F(CommandsTest, R10_1_ScaleSendsHoldAndForever) {
  v1::ChangeResponse response;
  response.set_message("held for 2h");
  fake_.Answer("POST /v1/services/shop/web/scale", response);
  const Outcome outcome = Drover({"scale", "shop/web=5", "--hold", "2h", "--message", "sale"});
  EXPECT_EQ(outcome.code, kOk);
  EXPECT_EQ(outcome.out, "held for 2h\n");
  v1::ScaleRequest request;
  ASSERT_TRUE(FromJson(fake_.Find("POST").body, &request).ok());
  EXPECT_EQ(request.replicas(), 5u);
  EXPECT_EQ(request.hold().seconds(), 7200);
  EXPECT_EQ(request.message(), "sale");
  EXPECT_EQ(Drover({"scale", "shop/web=5", "--hold", "2h", "--forever"}).code, kError);
  EXPECT_THAT(Drover({"scale", "shop/web"}).err, HasSubstr("write SERVICE=N, for example web=5"));
  EXPECT_THAT(Drover({"scale", "shop/web=5", "--hold", "2"}).err, HasSubstr("--hold: \"2\" is no duration"));
}

TEST_F(CommandsTest, NodesAreDrainedByName) {
  fake_.Answer("GET /v1/nodes", SampleNodes());
  fake_.Answer("POST /v1/nodes/n1/drain", SampleMoves());
  const Outcome outcome = Drover({"node", "drain", "host1", "--deadline", "10m", "--message", "new disks"});
  EXPECT_EQ(outcome.code, kOk) << outcome.err;
  ExpectGolden("node_drain", outcome.out);
  v1::NodeChangeRequest request;
  ASSERT_TRUE(FromJson(fake_.Find("POST").body, &request).ok());
  EXPECT_EQ(request.deadline().seconds(), 600);
  EXPECT_FALSE(request.has_duration());
  EXPECT_FALSE(request.dry_run());
  EXPECT_EQ(request.message(), "new disks");
  EXPECT_THAT(Drover({"node", "drain", "host9"}).err, HasSubstr("no node is named \"host9\""));
  EXPECT_THAT(Drover({"node", "drain", "host1", "--deadline", "2"}).err, HasSubstr("--deadline: \"2\""));
}

TEST_F(CommandsTest, ACheckedDrainTellsWhetherItFitsByItsExitCode) {
  fake_.Answer("GET /v1/nodes", SampleNodes());
  v1::NodeChangeResponse response = SampleMoves();
  fake_.Answer("POST /v1/nodes/n1/drain", response);
  response.set_fits(false);
  fake_.Answer("POST /v1/nodes/n1/drain", response);
  EXPECT_EQ(Drover({"node", "drain", "n1", "--check"}).code, kOk);
  v1::NodeChangeRequest request;
  ASSERT_TRUE(FromJson(fake_.Find("POST").body, &request).ok());
  EXPECT_TRUE(request.dry_run());
  EXPECT_EQ(Drover({"node", "drain", "n1", "--check"}).code, kError);
}

TEST_F(CommandsTest, NodesCordonedMaintainedRemoved) {
  fake_.Answer("GET /v1/nodes", SampleNodes());
  v1::NodeChangeResponse done;
  done.set_message("done");
  for (const char* verb : {"cordon", "uncordon", "maintenance"}) {
    fake_.Answer(absl::StrCat("POST /v1/nodes/n1/", verb), done);
  }
  fake_.Answer("DELETE /v1/nodes/n1", done);
  EXPECT_EQ(Drover({"node", "cordon", "host1"}).out, "done\n");
  EXPECT_EQ(Drover({"node", "uncordon", "host1"}).out, "done\n");
  EXPECT_EQ(Drover({"node", "maintenance", "host1", "--for", "30m"}).out, "done\n");
  v1::NodeChangeRequest request;
  ASSERT_TRUE(FromJson(fake_.Find("POST /v1/nodes/n1/maintenance").body, &request).ok());
  EXPECT_EQ(request.duration().seconds(), 1800);
  EXPECT_EQ(Drover({"node", "rm", "host1", "--force", "--message", "dead"}).out, "done\n");
  EXPECT_EQ(fake_.Find("DELETE").call, "DELETE /v1/nodes/n1?force=true&message=dead");
}

TEST_F(CommandsTest, R10_1_Freeze) {
  v1::ChangeResponse done;
  done.set_message("nothing is scaled, replaced or rolled out for 1h");
  fake_.Answer("POST /v1/freeze", done);
  fake_.Answer("DELETE /v1/freeze", done);
  EXPECT_THAT(Drover({"freeze", "--for", "1h", "-m", "sale"}).out, HasSubstr("for 1h\n"));
  v1::FreezeRequest request;
  ASSERT_TRUE(FromJson(fake_.Find("POST").body, &request).ok());
  EXPECT_EQ(request.duration().seconds(), 3600);
  EXPECT_EQ(request.message(), "sale");
  EXPECT_EQ(Drover({"freeze", "--off"}).code, kOk);
  EXPECT_EQ(fake_.Find("DELETE").call, "DELETE /v1/freeze");
  EXPECT_EQ(Drover({"freeze", "--off", "--for", "1h"}).code, kError);
}

TEST_F(CommandsTest, R3_6_PsShowsWhatIsGoneWhenAskedFor) {
  fake_.Answer("GET /v1/replicas", SampleReplicas());
  Drover({"ps", "-a", "shop/web"});
  EXPECT_EQ(fake_.requests().back().call, "GET /v1/replicas?stack=shop&service=web&all=true");
}

TEST_F(CommandsTest, R10_1_PauseAndResume) {
  fake_.Answer("POST /v1/services/shop/web/pause", v1::ChangeResponse());
  fake_.Answer("POST /v1/services/shop/web/resume", v1::ChangeResponse());
  EXPECT_EQ(Drover({"pause", "shop/web", "--for", "1h", "--down-only"}).out, "shop/web: done\n");
  v1::PauseRequest request;
  ASSERT_TRUE(FromJson(fake_.requests()[0].body, &request).ok());
  EXPECT_EQ(request.duration().seconds(), 3600);
  EXPECT_TRUE(request.down_only());
  EXPECT_EQ(Drover({"resume", "shop/web"}).code, kOk);
  EXPECT_EQ(fake_.requests()[1].call, "POST /v1/services/shop/web/resume");
}

TEST_F(CommandsTest, Push) {
  v1::ChangeResponse response;
  response.set_message("shop/emails is 12 mails");
  fake_.Answer("POST /v1/metrics/shop/emails", response);
  EXPECT_EQ(Drover({"push", "shop/emails", "12", "--unit", "mails"}).out, "shop/emails is 12 mails\n");
  v1::PushMetricRequest request;
  ASSERT_TRUE(FromJson(fake_.requests()[0].body, &request).ok());
  EXPECT_EQ(request.value(), 12);
  EXPECT_EQ(request.unit(), "mails");
  EXPECT_EQ(Drover({"push", "emails", "12"}).code, kError);
}

// ---- streams ----

TEST_F(CommandsTest, LogsArePrefixedByReplica) {
  fake_.Answer("GET /v1/replicas", SampleReplicas());
  fake_.Answer("GET /v1/services", SampleServices());
  v1::LogLine first;
  first.set_replica_name("shop-web-1");
  first.set_text("hello");
  v1::LogLine last = first;
  last.set_text("");
  last.set_error("the container is gone");
  fake_.AnswerStream("GET /v1/logs", {&first, &last});
  const Outcome outcome = Drover({"logs", "web", "-f", "--tail", "5", "-t"});
  EXPECT_EQ(outcome.code, kOk);
  EXPECT_EQ(outcome.out, "shop-web-1 | hello\n");
  EXPECT_EQ(outcome.err, "shop-web-1 | no more lines: the container is gone\n");
  EXPECT_EQ(fake_.Find("GET /v1/logs").call,
            "GET /v1/logs?stack=shop&service=web&follow=true&tail=5&timestamps=true");
  Drover({"logs", "shop-web-1"});
  EXPECT_EQ(fake_.requests().back().call,
            "GET /v1/logs?stack=shop&service=web&replica=00000000000000a1&tail=100");
}

TEST_F(CommandsTest, ExecPassesTheExitCodeOn) {
  fake_.Answer("GET /v1/replicas", SampleReplicas());
  fake_.Answer("GET /v1/services", SampleServices());
  v1::ExecOutput out;
  out.set_source(1);
  out.set_data("to stdout\n");
  v1::ExecOutput err;
  err.set_source(2);
  err.set_data("to stderr\n");
  v1::ExecOutput end;
  end.set_end(true);
  end.set_exit_code(7);
  fake_.AnswerStream("POST /v1/exec", {&out, &err, &end});
  const Outcome outcome =
      Drover({"exec", "-i", "-e", "A=b", "shop/web", "--", "sh", "-c", "exit 7"}, "input");
  EXPECT_EQ(outcome.code, 7);
  EXPECT_EQ(outcome.out, "to stdout\n");
  EXPECT_EQ(outcome.err, "to stderr\n");
  v1::ExecCommand command;
  ASSERT_TRUE(FromJson(fake_.Find("POST").body, &command).ok());
  EXPECT_EQ(command.replica_id(), "00000000000000a1") << "a ready one";
  EXPECT_THAT(command.command(), ElementsAre("sh", "-c", "exit 7"));
  EXPECT_THAT(command.environment(), ElementsAre("A=b"));
  EXPECT_EQ(command.stdin(), "input");
  fake_.AnswerStream("POST /v1/exec", {&out});
  Drover({"exec", "shop/web", "--", "x"});
  EXPECT_THAT(Drover({"exec", "shop/web", "--", "x"}).err, HasSubstr("its exit code is unknown"));
  EXPECT_THAT(Drover({"exec", "-e", "A=b", "-e", "C=d", "shop/web", "x"}).err,
              HasSubstr("its exit code is unknown"))
      << "-e takes one word";
  EXPECT_THAT(Drover({"exec", "shop/web"}).err, HasSubstr("no command is given; write it after --"));
  EXPECT_THAT(Drover({"exec", "shop/db", "--", "x"}).err, HasSubstr("no replica of shop/db is running"));
}

// ---- errors and help ----

TEST_F(CommandsTest, AnUnreachableControllerIsOneClearLine) {
  environment_["DROVER_ADDR"] = "http://127.0.0.1:1";
  const Outcome outcome = Drover({"ps"});
  EXPECT_EQ(outcome.code, kError);
  EXPECT_EQ(outcome.err,
            "drover: no controller answers at http://127.0.0.1:1; start one (`drover dev`), or set "
            "DROVER_ADDR=http://HOST:7401\n");
  environment_["DROVER_ADDR"] = "localhost";
  EXPECT_THAT(Drover({"ps"}).err, HasSubstr("DROVER_ADDR is \"localhost\"; write http://HOST:7401"));
}

TEST_F(CommandsTest, TheTokenIsSentAndItsLackIsNamed) {
  fake_.AnswerError("GET /v1/stacks", 401, "a token is needed");
  EXPECT_THAT(Drover({"ls"}).err, HasSubstr("a token is needed; set DROVER_TOKEN"));
  environment_["DROVER_TOKEN"] = "s3cret";
  Drover({"ls"});
  EXPECT_EQ(fake_.requests().back().authorization, "Bearer s3cret");
}

TEST_F(CommandsTest, UsageErrorsAreNotTakenForPlanChanges) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {}, {"bogus"}, {"plan", "--nope"}, {"scale"}, {"node"}, {"up", "extra"}}) {
    const Outcome outcome = Drover(arguments);
    EXPECT_EQ(outcome.code, kError);
    EXPECT_THAT(outcome.err, Not(IsEmpty()));
  }
  EXPECT_THAT(Drover({"evnts"}).err, HasSubstr("there is no verb \"evnts\"; did you mean \"events\"?"));
}

TEST_F(CommandsTest, EveryVerbHasHelpWithAnExample) {
  for (const char* verb :
       {"up",  "plan",   "down", "config", "ps",    "ls",  "scale",   "pause",      "resume", "push",
        "why", "events", "logs", "exec",   "stats", "top", "version", "completion", "dev",    "freeze"}) {
    const Outcome outcome = Drover({verb, "--help"});
    EXPECT_EQ(outcome.code, kOk);
    EXPECT_THAT(outcome.out, HasSubstr("Example:\n  ")) << verb;
  }
  for (const char* verb : {"ls", "inspect", "cordon", "uncordon", "drain", "maintenance", "rm"}) {
    EXPECT_THAT(Drover({"node", verb, "--help"}).out, HasSubstr("Example:\n  ")) << verb;
  }
  EXPECT_THAT(Drover({"--help"}).out, HasSubstr("DROVER_ADDR"));
}

TEST_F(CommandsTest, CompletionsNameVerbsAndOptions) {
  EXPECT_THAT(Drover({"completion", "bash"}).out, HasSubstr("'scale') words='"));
  EXPECT_THAT(Drover({"completion", "bash"}).out, HasSubstr("--hold"));
  EXPECT_THAT(Drover({"completion", "zsh"}).out, HasSubstr("#compdef drover"));
  EXPECT_THAT(Drover({"completion", "fish"}).out,
              HasSubstr("complete -c drover -f -n '__fish_use_subcommand' -a why"));
  EXPECT_EQ(Drover({"completion", "tcsh"}).code, kError);
}

TEST_F(CommandsTest, DevSaysWhatIsMissing) {
  const std::string state = testing::TempDir() + "drover-dev-test";
  const Outcome outcome =
      Drover({"dev", "--state-dir", state, "--http-port", "1", "--grpc-port", "2", "--no-edge"});
  EXPECT_EQ(outcome.code, kError);
  EXPECT_THAT(outcome.err,
              HasSubstr("/drover-controller: No such file or directory; it must lie in the same directory"));
}

}  // namespace
}  // namespace drover::cli
