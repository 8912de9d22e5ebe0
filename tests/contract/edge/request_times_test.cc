// What single requests took, from the log lines of the real HAProxy and nginx: right quantiles, few lines
// however many requests, and a balancer that doesn't care whether anybody reads them.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "agent/runtime/edge/haproxy/process.h"
#include "gtest/gtest.h"
#include "tests/contract/edge/edge_contract.h"
#include "tests/contract/edge/http_load.h"

namespace drover::agent {
namespace {

using drover::testing::HttpBackend;
using drover::testing::StrictLoad;
using std::chrono::milliseconds;
using std::chrono::seconds;

// `told` is in the bucket of `least` or above, and at most `most`.
void ExpectWithin(const std::optional<Duration>& told, Duration least, Duration most) {
  ASSERT_TRUE(told);
  EXPECT_GE(DurationHistogram::BucketOf(*told), DurationHistogram::BucketOf(least)) << *told;
  EXPECT_LE(*told, most);
}

class RequestTimesFixture : public EdgeFixture {
 protected:
  using EdgeFixture::EdgeFixture;

  RequestTimes Times() {
    last_ = edge_->Reconcile(ContractNow());
    EXPECT_TRUE(last_.sets.front().times);
    return last_.sets.front().times.value_or(RequestTimes());
  }

  // Those of the next `duration`, with a round every second, as the agent has them.
  RequestTimes After(seconds duration) {
    for (seconds::rep i = 0; i < duration.count(); ++i) {
      std::this_thread::sleep_for(seconds(1));
      last_ = edge_->Reconcile(ContractNow());
    }
    return Times();
  }
};

class RequestTimesContract : public RequestTimesFixture, public ::testing::WithParamInterface<Adapter> {
 protected:
  RequestTimesContract() : RequestTimesFixture(GetParam()) {}
};

TEST_P(RequestTimesContract, QuantilesOfKnownDelays) {
  HttpBackend a;
  a.Delay(milliseconds(20), milliseconds(200));
  Apply({To(a)});
  EXPECT_EQ(Times().answered.samples(), 0) << "known, and nothing came";
  StrictLoad load(port(), 10, true, milliseconds(25));
  const RequestTimes times = After(seconds(4));
  EXPECT_GT(times.answered.samples(), 300);
  EXPECT_EQ(times.answered.samples(), times.replica.samples());
  ExpectWithin(times.answered.Quantile(0.5), absl::Milliseconds(20), absl::Milliseconds(45));
  ExpectWithin(times.answered.Quantile(0.95), absl::Milliseconds(200), absl::Milliseconds(280));
  ExpectWithin(times.replica.Quantile(0.95), absl::Milliseconds(200), absl::Milliseconds(280));
}

TEST_P(RequestTimesContract, FewLinesHoweverManyRequests) {
  HttpBackend a;
  a.Delay(milliseconds(2), milliseconds(60));
  Apply({To(a)});
  // nginx opens a connection for each request.
  const int connections = adapter_.counts ? 60 : 24;
  StrictLoad load(port(), connections, true, milliseconds(30));
  After(seconds(2));
  const uint64_t done = load.done();
  const int64_t before = Times().answered.samples() + Times().dropped;
  const RequestTimes times = After(seconds(4));
  const double lines = static_cast<double>(times.answered.samples() + times.dropped - before);
  EXPECT_GT(load.done() - done, 3 * lines / 2) << "there is something to leave out";
  EXPECT_LT(lines, 4 * 500 * 1.25);
  EXPECT_GT(lines, 4 * 500 * 0.4);
  ExpectWithin(times.answered.Quantile(0.95), absl::Milliseconds(60), absl::Milliseconds(110));
  EXPECT_LT(*times.answered.Quantile(0.5), absl::Milliseconds(30));
  load.Stop();
  EXPECT_EQ(load.failed(), 0u);
}

TEST_P(RequestTimesContract, NoAgentIsNoDifferenceAndTheNextOneHearsAgain) {
  HttpBackend a;
  Apply({To(a)});
  StrictLoad load(port(), 4, true, milliseconds(10));
  EXPECT_GT(After(seconds(2)).answered.samples(), 100);
  const uint64_t with = load.done();
  edge_.reset();
  std::this_thread::sleep_for(seconds(2));
  const uint64_t without = load.done() - with;
  EXPECT_GT(without, with / 2);
  const uint64_t process = last_.instance;
  Make();
  Apply({To(a)});
  EXPECT_GT(After(seconds(2)).answered.samples(), 100);
  EXPECT_EQ(last_.instance, process);
  EXPECT_EQ(last_.reloads, 0u);
  load.Stop();
  EXPECT_EQ(load.failed(), 0u);
}

INSTANTIATE_TEST_SUITE_P(All, RequestTimesContract, ::testing::Values(HaproxyAdapter(), NginxAdapter()),
                         [](const auto& instance) { return instance.param.name; });

class HaproxyRequestTimes : public RequestTimesFixture {
 protected:
  HaproxyRequestTimes() : RequestTimesFixture(HaproxyAdapter()) {}
};

TEST_F(HaproxyRequestTimes, TheWaitIsPartOfTheAnswerAndNotOfTheReplica) {
  HttpBackend a;
  a.Delay(milliseconds(30), milliseconds(30));
  set_.maxconn = 1;
  Apply({To(a)});
  StrictLoad load(port(), 5);
  const RequestTimes times = After(seconds(4));
  ExpectWithin(times.replica.Quantile(0.5), absl::Milliseconds(30), absl::Milliseconds(50));
  ExpectWithin(times.answered.Quantile(0.5), absl::Milliseconds(140), absl::Milliseconds(260));
}

// Somebody has the socket and reads nothing.
TEST_F(HaproxyRequestTimes, AFullSocketDelaysNothing) {
  HttpBackend a;
  Apply({To(a)});
  StrictLoad load(port(), 4);
  std::this_thread::sleep_for(seconds(2));
  const uint64_t read = load.done();
  const std::string path = HaproxyPaths(dir_).request_socket;
  unlink(path.c_str());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  const int full = socket(AF_UNIX, SOCK_DGRAM, 0);
  ASSERT_EQ(bind(full, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  std::this_thread::sleep_for(seconds(2));
  const uint64_t unread = load.done() - read;
  load.Stop();
  close(full);
  EXPECT_GT(unread, read * 2 / 3);
  EXPECT_EQ(load.failed(), 0u);
}

}  // namespace
}  // namespace drover::agent
