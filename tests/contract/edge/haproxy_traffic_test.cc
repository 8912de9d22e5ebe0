// How HAProxy treats the replicas of a service by the words of x-edge, and what every protocol gets when its
// replica leaves.
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/runtime/edge/haproxy/haproxy.h"
#include "agent/runtime/edge/haproxy/process.h"
#include "agent/runtime/edge/haproxy/runtime_api.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/edge/edge_contract.h"
#include "tests/contract/edge/http_load.h"

namespace drover::agent {
namespace {

using drover::testing::Echoes;
using drover::testing::Fetch;
using drover::testing::FetchText;
using drover::testing::HeaderOf;
using drover::testing::HttpBackend;
using drover::testing::OpenWebSocket;
using drover::testing::StrictLoad;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

Adapter ImpatientHaproxy() {
  Adapter adapter = HaproxyAdapter();
  adapter.make = [](const std::string& dir) {
    HaproxyOptions options;
    options.dir = dir;
    options.bind = "127.0.0.1";
    options.server_timeout = absl::Seconds(1);
    options.client_timeout = absl::Seconds(1);
    return MakeHaproxyEdge(options);
  };
  return adapter;
}

class HaproxyTraffic : public EdgeFixture {
 protected:
  explicit HaproxyTraffic(Adapter adapter = HaproxyAdapter()) : EdgeFixture(std::move(adapter)) {}

  StatTable Stat() const {
    absl::StatusOr<RuntimeSession> session = RuntimeSession::Open(
        HaproxyPaths(dir_).stats_socket, "> ", std::chrono::steady_clock::now() + std::chrono::seconds(2));
    return *StatTable::Parse(*session->Command("show stat shop.web.8000 4 -1"));
  }

  int64_t OfServer(uint32_t at, const std::string& column) const {
    const StatTable stat = Stat();
    for (size_t row = 0; row < stat.size(); ++row) {
      if (stat.Text(row, "addr") == absl::StrCat("127.0.0.1:", at)) {
        return stat.Number(row, column).value_or(-1);
      }
    }
    return -1;
  }

  // The port of the replica that answered.
  static std::string Body(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }
};

TEST_F(HaproxyTraffic, ACookieKeepsAClientWithItsReplicaAcrossChangesAndARestart) {
  HttpBackend a;
  HttpBackend b;
  HttpBackend c;
  set_.traffic.sticky = EdgeTraffic::Sticky::kCookie;
  Apply({To(a), To(b)});
  const std::string first = FetchText(port());
  const std::string cookie = HeaderOf(first, "set-cookie");
  ASSERT_THAT(cookie, HasSubstr("drover-shop.web.8000="));
  EXPECT_THAT(cookie, HasSubstr("HttpOnly"));
  const std::string own = "Cookie: " + cookie.substr(0, cookie.find(';')) + "\r\n";
  const HttpBackend& mine = Body(first) == absl::StrCat(a.port()) ? a : b;
  const HttpBackend& other = &mine == &a ? b : a;
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(Body(FetchText(port(), own)), Body(first));
  }
  Apply({To(c), To(mine), To(other, true)});
  EXPECT_EQ(last_.reloads, 0u);
  EXPECT_EQ(Body(FetchText(port(), own)), Body(first));
  ExpectBackAfterKilling(*Master());
  EXPECT_EQ(Body(FetchText(port(), own)), Body(first));
  Apply({To(c), To(mine, true)});
  const std::string moved = FetchText(port(), own);
  EXPECT_EQ(Body(moved), absl::StrCat(c.port()));
  EXPECT_THAT(HeaderOf(moved, "set-cookie"), Not(HasSubstr(own.substr(8, own.size() - 10))));
}

TEST_F(HaproxyTraffic, ASourceKeepsToItsReplicaWhileItIsThere) {
  HttpBackend a;
  HttpBackend b;
  HttpBackend c;
  set_.traffic.sticky = EdgeTraffic::Sticky::kSource;
  Apply({To(a), To(b), To(c)});
  const std::string mine = Body(FetchText(port()));
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(Body(FetchText(port())), mine);
  }
  std::vector<EdgeBackend> fewer;
  bool leaves = true;  // the first that is not mine
  for (const HttpBackend* backend : {&a, &b, &c}) {
    const bool other = absl::StrCat(backend->port()) != mine;
    fewer.push_back(To(*backend, other && std::exchange(leaves, leaves && !other)));
  }
  Apply(fewer);
  EXPECT_EQ(Body(FetchText(port())), mine);
}

TEST_F(HaproxyTraffic, WeightsShareTheLoadAndChangeWithoutAReload) {
  HttpBackend a;
  HttpBackend b;
  set_.traffic.weighted = true;
  EdgeBackend heavy = To(a);
  heavy.weight = 4;
  Apply({heavy, To(b)});
  StrictLoad load(port(), 10);
  while (load.done() < 1000) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  load.Stop();
  EXPECT_EQ(load.failed(), 0u);
  EXPECT_GT(a.served(), 2 * b.served());
  EXPECT_LT(a.served(), 8 * b.served());

  heavy.weight = 1;
  EdgeBackend light = To(b);
  light.weight = 200;
  Apply({heavy, light});
  EXPECT_EQ(OfServer(a.port(), "weight"), 1);
  EXPECT_EQ(OfServer(b.port(), "weight"), 200);
  EXPECT_EQ(last_.reloads, 0u);
  ExpectBackAfterKilling(*Master());
  EXPECT_EQ(OfServer(b.port(), "weight"), 200);
}

TEST_F(HaproxyTraffic, SlowStartRaisesANewReplicasShareStepByStep) {
  HttpBackend a;
  HttpBackend b;
  set_.traffic.slow_start = absl::Seconds(60);
  Apply({To(a)});
  Apply({To(a), To(b)});
  EXPECT_LT(OfServer(b.port(), "throttle"), 20);
  EXPECT_EQ(Fetch(port()), 200);
}

// The backend answers with an error to what the balancer asks for itself, and well to clients.
TEST_F(HaproxyTraffic, ItsOwnCheckTakesAReplicaOutAndNeverBringsOneIn) {
  HttpBackend a;
  HttpBackend b;
  HttpBackend leaving;
  set_.traffic.check = "/healthz";
  Apply({To(a), To(b), To(leaving)});
  Apply({To(a), To(b), To(leaving, true)});
  const auto is_up = [this](const HttpBackend& backend) {
    const auto& servers = last_.sets.front().servers;
    return std::any_of(servers.begin(), servers.end(), [&](const EdgeServerState& server) {
      return server.replica == ReplicaId(backend.port()) && server.up;
    });
  };
  a.Refuse("/healthz");
  EXPECT_TRUE(RoundsUntil([&] { return !is_up(a); }));
  EXPECT_TRUE(is_up(b));
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(Body(FetchText(port())), absl::StrCat(b.port()));
  }
  EXPECT_FALSE(is_up(leaving));
  a.Refuse("");
  EXPECT_TRUE(RoundsUntil([&] { return is_up(a); }));
}

TEST_F(HaproxyTraffic, ATunnelIsClosedAtItsLimitAndARequestIsNot) {
  HttpBackend a;
  HttpBackend b;
  set_.traffic.drain_tunnel = absl::Milliseconds(600);
  Apply({To(a)});
  const int socket = OpenWebSocket(port());
  ASSERT_GE(socket, 0);
  a.Hold(true);
  std::thread request([&] { EXPECT_EQ(Fetch(port()), 200); });
  EXPECT_TRUE(Await(ReplicaId(a.port()), [](const EdgeServerState& s) { return s.in_flight == 2; }));
  const auto left = std::chrono::steady_clock::now();
  Apply({To(b), To(a, true)});
  EXPECT_TRUE(Echoes(socket));
  EXPECT_TRUE(RoundsUntil([&] { return last_.sets.front().closed_total == 1; }));
  EXPECT_GE(std::chrono::steady_clock::now() - left, milliseconds(600));
  EXPECT_FALSE(Echoes(socket));
  EXPECT_FALSE(RoundsUntil([&] { return last_.sets.front().closed_total > 1; }, absl::Milliseconds(700)));
  a.Hold(false);
  request.join();
  EXPECT_TRUE(Drained(ReplicaId(a.port())));
  close(socket);
}

TEST_F(HaproxyTraffic, ARequestIsClosedAtItsLimitAndATunnelIsNot) {
  HttpBackend a;
  HttpBackend b;
  set_.traffic.drain_request = absl::Milliseconds(300);
  Apply({To(a)});
  const int socket = OpenWebSocket(port());
  a.Hold(true);
  std::thread request([&] { EXPECT_NE(Fetch(port()), 200); });
  EXPECT_TRUE(Await(ReplicaId(a.port()), [](const EdgeServerState& s) { return s.in_flight == 2; }));
  Apply({To(b), To(a, true)});
  EXPECT_TRUE(RoundsUntil([&] { return last_.sets.front().closed_total == 1; }));
  request.join();
  EXPECT_FALSE(RoundsUntil([&] { return last_.sets.front().closed_total > 1; }, absl::Milliseconds(500)));
  EXPECT_TRUE(Echoes(socket));
  close(socket);
  a.Hold(false);
  EXPECT_TRUE(Drained(ReplicaId(a.port())));
}

TEST_F(HaproxyTraffic, WithoutALimitNothingIsClosed) {
  HttpBackend a;
  HttpBackend b;
  Apply({To(a)});
  const int socket = OpenWebSocket(port());
  Apply({To(b), To(a, true)});
  EXPECT_FALSE(RoundsUntil([&] { return last_.sets.front().closed_total > 0; }, absl::Milliseconds(800)));
  EXPECT_TRUE(Echoes(socket));
  EXPECT_EQ(FirstKnown(a)->in_flight, 1);
  close(socket);
  EXPECT_TRUE(Drained(ReplicaId(a.port())));
}

TEST_F(HaproxyTraffic, ATunnelThatAReloadLeftToAnOldWorkerIsClosedTooAndPlainTcpIsATunnel) {
  HttpBackend a;
  HttpBackend b;
  set_.http = false;
  set_.traffic.drain_tunnel = absl::Milliseconds(300);
  Apply({To(a)});
  const int socket = OpenWebSocket(port());
  ASSERT_GE(socket, 0);
  set_.slots = 9;  // a reason to reload
  Apply({To(a)});
  EXPECT_EQ(last_.reloads, 1u);
  EXPECT_TRUE(Busy(a));
  EXPECT_TRUE(Echoes(socket));
  Apply({To(b), To(a, true)});
  EXPECT_TRUE(RoundsUntil([&] { return last_.sets.front().closed_total == 1; }));
  EXPECT_FALSE(Echoes(socket));
  EXPECT_TRUE(Drained(ReplicaId(a.port())));
  close(socket);
}

TEST_F(HaproxyTraffic, AnUploadGoesOnWithAReplicaThatLeaves) {
  HttpBackend a;
  HttpBackend b;
  Apply({To(a)});
  const int fd = drover::testing::ConnectSilently(port());
  const std::string head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n";
  ASSERT_GT(send(fd, head.data(), head.size(), MSG_NOSIGNAL), 0);
  const std::string part(100000, 'x');
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(send(fd, part.data(), part.size(), MSG_NOSIGNAL), 100000);
    if (i == 4) {
      EXPECT_TRUE(Busy(a));
      Apply({To(b), To(a, true)});
    }
  }
  char buffer[4096];
  ASSERT_GT(recv(fd, buffer, sizeof(buffer), 0), 12);
  EXPECT_EQ(std::string(buffer, 12), "HTTP/1.1 200");
  close(fd);
  EXPECT_TRUE(Drained(ReplicaId(a.port())));
}

class ImpatientHaproxyTraffic : public HaproxyTraffic {
 protected:
  ImpatientHaproxyTraffic() : HaproxyTraffic(ImpatientHaproxy()) {}
};

TEST_F(ImpatientHaproxyTraffic, ALongPollMayBeSilentForItsTimeout) {
  HttpBackend a;
  set_.traffic.timeout = absl::Seconds(30);
  Apply({To(a)});
  a.Hold(true);
  std::thread request([&] { EXPECT_EQ(Fetch(port()), 200); });
  std::this_thread::sleep_for(milliseconds(2500));
  a.Hold(false);
  request.join();
}

}  // namespace
}  // namespace drover::agent
