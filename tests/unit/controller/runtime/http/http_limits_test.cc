// R13 and everything about starting: what happens when connections, streams or bodies are too many, and
// which faults of the options are told how.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "tests/unit/controller/runtime/http/fakes.h"

namespace drover::controller {
namespace {

using testing::HasSubstr;

// A connection that has sent `text` and waits.
class RawConnection {
 public:
  RawConnection(int port, const std::string& text) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(send(socket_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }

  ~RawConnection() { close(socket_); }

  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  // Up to and including `mark`; everything until the end when it does not come.
  std::string ReadTo(const std::string& mark) {
    std::string text;
    char buffer[4096];
    while (text.find(mark) == std::string::npos) {
      const ssize_t n = recv(socket_, buffer, sizeof(buffer), 0);
      if (n <= 0) {
        break;
      }
      text.append(buffer, static_cast<size_t>(n));
    }
    return text;
  }

 private:
  const int socket_;
};

std::string StreamRequest() {
  return "GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n";
}

TEST(HttpLimitsTest, R13_MoreEventStreamsThanAllowed) {
  HttpServer::Options options = TestServer::Quick();
  options.event_streams = 2;
  TestServer test(options);
  ASSERT_TRUE(test.server->Start().ok());
  RawConnection first(test.server->port(), StreamRequest());
  RawConnection second(test.server->port(), StreamRequest());
  EXPECT_THAT(first.ReadTo("drover events"), HasSubstr("200 OK"));
  EXPECT_THAT(second.ReadTo("drover events"), HasSubstr("200 OK"));
  RawConnection third(test.server->port(), StreamRequest());
  const std::string refused = third.ReadTo("\"}");
  EXPECT_THAT(refused, HasSubstr("503"));
  EXPECT_THAT(refused, HasSubstr("Retry-After: 1"));
  EXPECT_THAT(refused, HasSubstr("TooManyStreams"));
}

TEST(HttpLimitsTest, R13_AThousandEventStreamsAndEverythingElse) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < 4096) {
    GTEST_SKIP() << "only " << files.rlim_cur << " open files allowed";
  }
  TestServer test;
  ASSERT_TRUE(test.server->Start().ok());
  std::vector<std::unique_ptr<RawConnection>> watchers;
  for (int i = 0; i < 1000; ++i) {
    watchers.push_back(std::make_unique<RawConnection>(test.server->port(), StreamRequest()));
  }
  for (const auto& watcher : watchers) {
    ASSERT_THAT(watcher->ReadTo("drover events"), HasSubstr("200 OK"));
  }
  RawConnection refused(test.server->port(), StreamRequest());
  EXPECT_THAT(refused.ReadTo("\"}"), HasSubstr("TooManyStreams"));
  httplib::Client client("127.0.0.1", test.server->port());
  const auto read = client.Get("/v1/services");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->status, 200);
  EventRecord event;
  event.id = 1;
  event.reason = "ForEverybody";
  test.loop->Happen(event);
  for (const auto& watcher : watchers) {
    ASSERT_THAT(watcher->ReadTo("ForEverybody"), HasSubstr("ForEverybody"));
  }
}

TEST(HttpLimitsTest, R13_ReservedThreadsServeHealthMetricsAndWrites) {
  HttpServer::Options options = TestServer::Quick();
  options.connections = 8;  // enough for each request below, also while the one before is closing
  options.reserved = 6;
  TestServer test(options);
  ASSERT_TRUE(test.server->Start().ok());
  RawConnection first(test.server->port(), StreamRequest());
  RawConnection second(test.server->port(), StreamRequest());
  first.ReadTo("drover events");
  second.ReadTo("drover events");
  httplib::Client client("127.0.0.1", test.server->port());
  const auto read = client.Get("/v1/stacks");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->status, 503);
  EXPECT_EQ(read->get_header_value("Retry-After"), "1");
  EXPECT_EQ(client.Get("/healthz")->status, 200);
  EXPECT_EQ(client.Get("/metrics")->status, 200);
  EXPECT_EQ(client.Post("/v1/services/shop/web/resume", "{}", "application/json")->status, 200);
}

TEST(HttpLimitsTest, R13_MoreConnectionsThanThreads) {
  HttpServer::Options options = TestServer::Quick();
  options.connections = 2;
  options.reserved = 0;
  TestServer test(options);
  ASSERT_TRUE(test.server->Start().ok());
  RawConnection first(test.server->port(), StreamRequest());
  RawConnection second(test.server->port(), StreamRequest());
  first.ReadTo("drover events");
  second.ReadTo("drover events");
  RawConnection third(test.server->port(), "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  // Refused and closed, though the client would have kept the connection.
  const std::string refused = third.ReadTo("never comes");
  EXPECT_THAT(refused, HasSubstr("503"));
  EXPECT_THAT(refused, HasSubstr("Overloaded"));
  EXPECT_THAT(refused, HasSubstr("Connection: close"));
}

TEST(HttpLimitsTest, BodiesThatAreTooLargeOrWithoutLength) {
  HttpServer::Options options = TestServer::Quick();
  options.body_limit = 1000;
  TestServer test(options);
  ASSERT_TRUE(test.server->Start().ok());
  httplib::Client client("127.0.0.1", test.server->port());
  const auto large = client.Post("/v1/services/shop/web/scale", std::string(2000, ' '), "application/json");
  ASSERT_TRUE(large);
  EXPECT_EQ(large->status, 413);
  EXPECT_THAT(large->body, HasSubstr("larger than 1000 bytes"));
  RawConnection endless(test.server->port(), "POST /v1/services/shop/web/scale HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(endless.ReadTo("}"), HasSubstr("411"));
}

// The library reads some headers by a recursive regex on the stack of the connection's thread.
TEST(HttpLimitsTest, TheWorstHeadersFitIntoTheStack) {
  TestServer test;
  ASSERT_TRUE(test.server->Start().ok());
  std::string ranges = "Range: bytes=0-0";
  while (ranges.size() < 8000) {
    ranges += ",0-0";
  }
  for (const std::string& header :
       {ranges, "Accept: " + std::string(8000, 'a'),
        "Content-Type: multipart/form-data; boundary=" + std::string(8000, '-')}) {
    RawConnection connection(
        test.server->port(),
        "GET /v1/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + header + "\r\n\r\n");
    EXPECT_THAT(connection.ReadTo("\r\n\r\n"), HasSubstr("HTTP/1.1"));
  }
  std::string path(240, 'a');
  RawConnection put(test.server->port(), "PUT /v1/stacks/" + path +
                                             " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: "
                                             "application/json\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_THAT(put.ReadTo("\r\n\r\n"), HasSubstr("400"));
}

TEST(HttpLimitsTest, APortInUseIsNamed) {
  TestServer one;
  ASSERT_TRUE(one.server->Start().ok());
  HttpServer::Options options = TestServer::Quick();
  options.port = one.server->port();
  TestServer two(options);
  const absl::Status status = two.server->Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("127.0.0.1:" + std::to_string(options.port) + ": Address already in use"));
}

TEST(HttpLimitsTest, StopsTwiceAndWithoutStart) {
  TestServer never;
  never.server->Stop();
  TestServer twice;
  ASSERT_TRUE(twice.server->Start().ok());
  twice.server->Stop();
  twice.server->Stop();
}

}  // namespace
}  // namespace drover::controller
