// What a HAProxy of Drover's own owes beyond the contract of all edges.
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "agent/runtime/edge/haproxy.h"
#include "agent/runtime/edge/process.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/edge/http_load.h"
#include "tests/support/missing.h"

namespace drover::agent {
namespace {

using drover::testing::Fetch;
using drover::testing::FreePort;
using drover::testing::HttpBackend;
using ::testing::HasSubstr;

Instant Now() {
  timespec t{};
  clock_gettime(CLOCK_BOOTTIME, &t);
  return Instant::FromNanoseconds(int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec);
}

std::string TemporaryDir() {
  char path[] = "/tmp/drover-edge-XXXXXX";
  return mkdtemp(path);
}

// A program in HAProxy's place that refuses files as long as `refuse` exists, as HAProxy does with
// something that Drover does not know to be wrong.
TEST(ManagedHaproxyTest, R6_4_ARefusedFileNeverTouchesWhatRuns) {
  const absl::StatusOr<std::string> program = FindProgram("haproxy");
  if (!program.ok()) {
    DROVER_MISSING("haproxy is not installed");
  }
  HaproxyOptions options;
  options.dir = TemporaryDir();
  options.bind = "127.0.0.1";
  options.program = options.dir + "/picky";
  const std::string refuse = options.dir + "/refuse";
  std::ofstream(options.program)
      << "#!/bin/sh\nif [ \"$1\" = -c ] && [ -e " << refuse
      << " ]; then echo '[ALERT] (1) : config : refused by the test'; exit 1; fi\nexec " << *program
      << " \"$@\"\n";
  std::filesystem::permissions(options.program, std::filesystem::perms::owner_all);
  absl::StatusOr<std::unique_ptr<Edge>> edge = MakeHaproxyEdge(options);
  ASSERT_TRUE(edge.ok()) << edge.status();

  HttpBackend a;
  HttpBackend b;
  EdgeSet set;
  set.handle = 1;
  set.service = "web";
  set.http = true;
  set.slots = 2;
  set.epoch = Epoch(1);
  set.revision = Revision(1);
  set.listeners = {{.bind = "", .port = FreePort(), .host = "", .path = "", .tls_path = ""}};
  set.backends = {{.replica = ReplicaId(1), .address = "127.0.0.1", .port = a.port(), .drain = false}};
  (*edge)->SetDesired({set});
  EXPECT_EQ((*edge)->Reconcile(Now()).sets.front().applied_revision, Revision(1));

  std::ofstream(refuse) << "";
  set.slots = 3;  // needs a reload
  set.revision = Revision(2);
  set.backends[0].port = b.port();
  (*edge)->SetDesired({set});
  EdgeState state = (*edge)->Reconcile(Now());
  EXPECT_THAT(state.error, HasSubstr("refused by the test"));
  EXPECT_EQ(state.reloads, 0u);
  EXPECT_EQ(state.sets.front().applied_revision, Revision(2));  // the replica itself needs no reload
  EXPECT_EQ(Fetch(set.listeners[0].port), 200);
  EXPECT_EQ(b.served(), 1u);
  (*edge)->Reconcile(Now() + absl::Seconds(2));
  std::ifstream file(HaproxyPaths(options.dir).config);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  // Two slots still, since HAProxy never accepted three, but the address of now.
  EXPECT_THAT(text,
              ::testing::EndsWith(absl::StrCat(
                  "server-template drv 1-1 127.0.0.1:1 disabled\n  server drv2 127.0.0.1:", b.port(), "\n")));

  const std::optional<int> master = HaproxyProcess("", HaproxyPaths(options.dir)).MasterPid();
  ASSERT_TRUE(master);
  kill(*master, SIGKILL);
  for (int i = 0; i < 40 && (i == 0 || !state.reachable); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    state = (*edge)->Reconcile(Now() + absl::Seconds(3));
  }
  EXPECT_TRUE(state.reachable);  // started with the last file that was accepted
  EXPECT_EQ(Fetch(set.listeners[0].port), 200);

  std::filesystem::remove(refuse);
  state = (*edge)->Reconcile(Now() + absl::Seconds(10));
  EXPECT_EQ(state.error, "");
  EXPECT_EQ(state.reloads, 1u);
  EXPECT_EQ(Fetch(set.listeners[0].port), 200);
  if (const std::optional<int> pid = HaproxyProcess("", HaproxyPaths(options.dir)).MasterPid()) {
    kill(*pid, SIGKILL);
  }
  std::filesystem::remove_all(options.dir);
}

}  // namespace
}  // namespace drover::agent
