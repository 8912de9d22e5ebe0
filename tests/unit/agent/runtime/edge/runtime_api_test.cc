#include "agent/runtime/edge/haproxy/runtime_api.h"

#include <chrono>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/runtime/edge/haproxy/drive.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_cli.h"

namespace drover::agent {
namespace {

using drover::testing::FakeCli;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kState[] =
    "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_port\n"
    "2 web 1 drv1 127.0.0.2 2 4 1 1 19001\n"
    "2 web 2 own - 0 5 1 1 0\n";
constexpr char kStat[] =
    "# pxname,svname,qcur,scur,stot,rate,econ,eresp,status,hrsp_5xx,check_desc,\n"
    "web,drv1,2,3,10,1,0,0,UP 1/2,,\"Layer4, so far\",\n"
    "web,BACKEND,1,4,12,5,1,2,UP,7,,\n";

TEST(RuntimeApiTest, ServersState) {
  const absl::StatusOr<std::vector<ServerRow>> rows = ParseServersState(kState);
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(*rows, ElementsAre(ServerRow{"drv1", "127.0.0.2", 19001, 2, 4, 1, 1},
                                 ServerRow{"own", "-", 0, 0, 5, 1, 1}));
  EXPECT_TRUE(absl::IsNotFound(ParseServersState("Can't find backend.").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ParseServersState("Permission denied").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ParseServersState("").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      ParseServersState("1\n# be_id be_name srv_id srv_name srv_addr srv_op_state\n2 web 1 drv1 127.0.0.1\n")
          .status()));
}

TEST(RuntimeApiTest, StatByHeaderLine) {
  const absl::StatusOr<StatTable> stat = StatTable::Parse(kStat);
  ASSERT_TRUE(stat.ok()) << stat.status();
  const size_t row = *stat->Find("drv1");
  EXPECT_EQ(stat->Number(row, "scur"), 3);
  EXPECT_EQ(stat->Text(row, "check_desc"), "Layer4, so far");
  EXPECT_EQ(stat->Number(row, "hrsp_5xx"), std::nullopt);
  EXPECT_EQ(stat->Number(row, "no such column"), std::nullopt);
  EXPECT_EQ(stat->Find("drv9"), std::nullopt);
  EXPECT_TRUE(absl::IsNotFound(StatTable::Parse("No such proxy.").status()));
  EXPECT_THAT(StatTable::Parse("# pxname,svname,qcur,status\n").status().message(),
              HasSubstr("no column scur"));
  EXPECT_TRUE(absl::IsInvalidArgument(StatTable::Parse("Unknown command").status()));
}

TEST(RuntimeApiTest, InfoAndProcesses) {
  const absl::StatusOr<ProcessInfo> info = ParseInfo(
      "Name: HAProxy\nVersion: 2.6.12-1\nPid: 42\ndescription: drover-1\nStart_time_sec: 1795357956\n");
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->pid, 42);
  EXPECT_EQ(info->start_seconds, 1795357956);
  EXPECT_EQ(info->description, "drover-1");
  EXPECT_FALSE(ParseInfo("Permission denied\n").ok());
  EXPECT_THAT(ParseOldWorkers("#<PID> <type> <reloads>\n1 master 1\n# workers\n2 worker 0\n# old workers\n"
                              "3 worker 1 0d00h\n# programs\n4 worker x\n"),
              ElementsAre(3));
}

TEST(RuntimeApiTest, AddressAnswers) {
  EXPECT_TRUE(
      AddressWasSet("no need to change the addr, port changed from '1' to '2' by 'stats socket command'"));
  EXPECT_TRUE(
      AddressWasSet("IP changed from 'a' to 'b', no need to change the port by 'stats socket command'"));
  EXPECT_FALSE(AddressWasSet("Invalid addr format: 'x'"));
  EXPECT_FALSE(AddressWasSet("No such server."));
  EXPECT_FALSE(AddressWasSet(""));
}

EdgeSet WantOne(uint32_t port) {
  EdgeSet set;
  set.handle = 3;
  set.revision = Revision(5);
  set.http = true;
  set.backends = {{.replica = ReplicaId(1), .address = "127.0.0.2", .port = port, .drain = false}};
  return set;
}

TEST(RuntimeSessionTest, R3_8_HangsAreCutAtTheDeadline) {
  const FakeCli cli(FakeCli::Answers{{"show info", "HANG"}});
  absl::StatusOr<RuntimeSession> session = cli.Open(50);
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(session->Command("show info").status()));
}

TEST(RuntimeSessionTest, ACutAnswerIsAnError) {
  const FakeCli cli(FakeCli::Answers{{"show servers state web", "CLOSE"}});
  absl::StatusOr<RuntimeSession> session = cli.Open();
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_THAT(session->Command("show servers state web").status().message(),
              HasSubstr("in the middle of an answer"));
}

TEST(RuntimeSessionTest, NobodyListening) {
  EXPECT_TRUE(absl::IsUnavailable(
      RuntimeSession::Open("/tmp/drover-no-such-socket", "> ", std::chrono::steady_clock::now()).status()));
}

TEST(DriveTest, ReadsLoadAndTotals) {
  const FakeCli cli(FakeCli::Answers{{"show servers state web", kState}, {"show stat web 6 -1", kStat}});
  absl::StatusOr<RuntimeSession> session = cli.Open();
  ASSERT_TRUE(session.ok()) << session.status();
  const absl::StatusOr<SetRound> round = DriveSet(*session, WantOne(19001), "web", OldLoad(), Instant());
  ASSERT_TRUE(round.ok()) << round.status();
  EXPECT_EQ(round->state.error, "");
  EXPECT_EQ(round->state.applied_revision, Revision(5));
  ASSERT_EQ(round->state.servers.size(), 1u);
  EXPECT_EQ(round->state.servers[0].in_flight, 5);
  EXPECT_TRUE(round->state.servers[0].up);
  EXPECT_EQ(round->state.queued, 1);
  EXPECT_EQ(round->state.rate, 5.0);
  // Beside servers of others only what goes to ours counts.
  EXPECT_EQ(round->state.requests_total, 10u);
  EXPECT_EQ(round->state.finished_total, 7u);
  EXPECT_EQ(round->state.errors_total, 7u);
  EXPECT_FALSE(round->state.at_least);
}

TEST(DriveTest, ARefusedCommandIsNotApplied) {
  const FakeCli cli(
      FakeCli::Answers{{"show servers state web", kState},
                       {"show stat web 6 -1", kStat},
                       {"set server web/drv1 addr 127.0.0.2 port 19002", "Permission denied."}});
  absl::StatusOr<RuntimeSession> session = cli.Open();
  ASSERT_TRUE(session.ok()) << session.status();
  const absl::StatusOr<SetRound> round = DriveSet(*session, WantOne(19002), "web", OldLoad(), Instant());
  ASSERT_TRUE(round.ok()) << round.status();
  EXPECT_THAT(round->state.error,
              HasSubstr("addr 127.0.0.2 port 19002\" was answered \"Permission denied.\""));
  EXPECT_EQ(round->state.applied_revision, Revision());
}

TEST(RuntimeApiTest, ManyCommandsAreAnsweredInTheirOrder) {
  std::vector<std::string> commands;
  FakeCli::Answers answers;
  for (int i = 0; i < 250; ++i) {
    commands.push_back(absl::StrCat("command ", i));
    answers[commands.back()] = i % 3 == 0 ? "" : absl::StrCat("line 1 of ", i, "\n  > line 2");
  }
  const FakeCli cli(answers);
  absl::StatusOr<RuntimeSession> session = cli.Open();
  ASSERT_TRUE(session.ok()) << session.status();
  const absl::StatusOr<std::vector<std::string>> got = session->Commands(commands);
  ASSERT_TRUE(got.ok()) << got.status();
  ASSERT_EQ(got->size(), commands.size());
  for (size_t i = 0; i < commands.size(); ++i) {
    EXPECT_EQ((*got)[i], answers[commands[i]]);
  }
  EXPECT_EQ(session->Command("command 1").value_or(""), answers["command 1"]);
}

TEST(DriveTest, R4_UnknownOldLoadIsAbsentNotZero) {
  const FakeCli cli(FakeCli::Answers{{"show servers state web", kState}, {"show stat web 6 -1", kStat}});
  absl::StatusOr<RuntimeSession> session = cli.Open();
  ASSERT_TRUE(session.ok()) << session.status();
  EdgeSet set = WantOne(19009);
  set.backends[0].drain = true;
  OldLoad old;
  old.known = false;
  const absl::StatusOr<SetRound> round = DriveSet(*session, set, "web", old, Instant());
  ASSERT_TRUE(round.ok()) << round.status();
  EXPECT_TRUE(round->state.servers.empty());
  EXPECT_TRUE(round->state.at_least);
}

TEST(DriveTest, CountersAreThoseOfTheWholeBackendWhereAllOfItIsOurs) {
  const std::string state(kState, std::string(kState).find("2 web 2 own"));
  const FakeCli cli(FakeCli::Answers{{"show servers state web", state}, {"show stat web 6 -1", kStat}});
  absl::StatusOr<RuntimeSession> session = cli.Open();
  ASSERT_TRUE(session.ok()) << session.status();
  const absl::StatusOr<SetRound> round = DriveSet(*session, WantOne(19001), "web", OldLoad(), Instant());
  ASSERT_TRUE(round.ok()) << round.status();
  EXPECT_EQ(round->state.requests_total, 12u);
  EXPECT_EQ(round->state.finished_total, 8u);
}

TEST(DriveTest, R4_CountersThatAreNotThereAreUnknown) {
  std::string stat = kStat;
  stat.replace(stat.find("stot"), 4, "xxxx");
  const FakeCli cli(FakeCli::Answers{{"show servers state web", kState}, {"show stat web 6 -1", stat}});
  absl::StatusOr<RuntimeSession> session = cli.Open();
  ASSERT_TRUE(session.ok()) << session.status();
  const absl::StatusOr<SetRound> round = DriveSet(*session, WantOne(19001), "web", OldLoad(), Instant());
  ASSERT_TRUE(round.ok()) << round.status();
  EXPECT_EQ(round->state.requests_total, std::nullopt);
  EXPECT_EQ(round->state.finished_total, std::nullopt);
}

}  // namespace
}  // namespace drover::agent
