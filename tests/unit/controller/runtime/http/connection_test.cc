#include "controller/runtime/http/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace drover::controller {
namespace {

class ConnectionStreamTest : public testing::Test {
 protected:
  ConnectionStreamTest() {
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_), 0);
    terms_.stop_fd = eventfd(0, 0);
    terms_.idle = absl::Milliseconds(30);
    terms_.head = absl::Milliseconds(60);
    terms_.head_limit = 1000;
  }

  ~ConnectionStreamTest() override {
    close(ends_[0]);
    close(ends_[1]);
    close(terms_.stop_fd);
  }

  void Send(const std::string& text) {
    EXPECT_EQ(send(ends_[1], text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }

  static std::string ReadAll(ConnectionStream& stream, size_t size) {
    std::string text(size, '\0');
    size_t have = 0;
    while (have < size) {
      const ssize_t n = stream.read(text.data() + have, size - have);
      if (n <= 0) {
        break;
      }
      have += static_cast<size_t>(n);
    }
    text.resize(have);
    return text;
  }

  int ends_[2] = {};
  ConnectionTerms terms_;
};

TEST_F(ConnectionStreamTest, RangesAreDroppedAndNothingElse) {
  ConnectionStream stream(ends_[0], nullptr, terms_);
  Send("PUT / HTTP/1.1\r\nrAnGe: bytes=0-1\r\nX-Range: a\r\nRange: b\r\nHost: x\r\n\r\nRange: body\r\n");
  ASSERT_TRUE(stream.ReadHead());
  const std::string rest = "PUT / HTTP/1.1\r\nX-Range: a\r\nHost: x\r\n\r\nRange: body\r\n";
  EXPECT_EQ(ReadAll(stream, rest.size()), rest);
}

TEST_F(ConnectionStreamTest, ASecondRequestInTheSamePacketIsFound) {
  ConnectionStream stream(ends_[0], nullptr, terms_);
  const std::string one = "GET /a HTTP/1.1\r\n\r\n";
  Send(one + "GET /b HTTP/1.1\r\nRange: x\r\n\r\n");
  ASSERT_TRUE(stream.ReadHead());
  EXPECT_EQ(ReadAll(stream, one.size()), one);
  ASSERT_TRUE(stream.ReadHead());
  EXPECT_EQ(ReadAll(stream, one.size()), "GET /b HTTP/1.1\r\n\r\n");
}

TEST_F(ConnectionStreamTest, AHeadThatDoesNotComeWholeEndsTheConnection) {
  ConnectionStream idle(ends_[0], nullptr, terms_);
  EXPECT_FALSE(idle.ReadHead());
  Send("GET / HTTP/1.1\r\nHo");
  ConnectionStream slow(ends_[0], nullptr, terms_);
  EXPECT_FALSE(slow.ReadHead());
}

TEST_F(ConnectionStreamTest, AHeadThatIsTooLargeIsRefused) {
  ConnectionStream stream(ends_[0], nullptr, terms_);
  Send("GET / HTTP/1.1\r\nX: " + std::string(2000, 'a'));
  EXPECT_FALSE(stream.ReadHead());
  char answer[12];
  ASSERT_EQ(recv(ends_[1], answer, sizeof(answer), 0), 12);
  EXPECT_EQ(std::string(answer, 12), "HTTP/1.1 431");
}

TEST_F(ConnectionStreamTest, TheEndOfTheServerEndsWaiting) {
  terms_.idle = absl::Minutes(10);
  ConnectionStream stream(ends_[0], nullptr, terms_);
  eventfd_write(terms_.stop_fd, 1);
  EXPECT_FALSE(stream.ReadHead());
}

}  // namespace
}  // namespace drover::controller
