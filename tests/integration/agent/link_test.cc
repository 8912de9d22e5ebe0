#include "agent/runtime/link.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/integration/agent/fake_controller.h"

namespace drover::agent {
namespace {

using std::chrono::milliseconds;

// An agent that has nothing to say, with a controller that wants a report a minute.
class LinkTest : public testing::Test {
 protected:
  LinkTest() : controller_(0, std::chrono::minutes(1)), link_(Options()) {}

  LinkOptions Options() {
    LinkOptions options;
    options.controllers = {controller_.address()};
    options.hello = [] { return v1::Hello(); };
    options.collect = [](bool) {
      ReportInput input;
      input.snapshot = std::make_shared<const Snapshot>();
      return input;
    };
    options.welcome = [](const v1::Welcome&) {};
    options.message = [](const v1::ControllerMessage&) {};
    options.disconnected = [](const std::string&) {};
    return options;
  }

  bool WaitReports(uint64_t count) {
    return controller_.WaitFor([count](const FakeController& c) { return c.reports >= count; },
                               std::chrono::seconds(5));
  }

  FakeController controller_;
  Link link_;
};

TEST_F(LinkTest, R4_4_NewsRightAfterAReportWaitsForTheGapOnly) {
  ASSERT_TRUE(WaitReports(1));
  for (uint64_t sent = 1; sent <= 10; ++sent) {
    // From right after the last report to well within the 100 ms that must lie between two.
    std::this_thread::sleep_for(milliseconds(5 * sent));
    link_.ReportNow();
    ASSERT_TRUE(WaitReports(sent + 1)) << "news " << sent << " waits for the next minute";
  }
}

TEST_F(LinkTest, R4_4_ManyNewsMakeAtMostTenReportsASecond) {
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(WaitReports(1));
  for (int i = 0; i < 100; ++i) {
    link_.ReportNow();
    std::this_thread::sleep_for(milliseconds(10));
  }
  const uint64_t reports = link_.stats().reports;
  const auto gaps = (std::chrono::steady_clock::now() - begin) / milliseconds(100);
  EXPECT_GE(reports, 3u);
  EXPECT_LE(reports, static_cast<uint64_t>(gaps) + 2) << "one at the start, one in each 100 ms";
}

}  // namespace
}  // namespace drover::agent
