// From the files over HTTP to the command line, and there made again.
#include "cli/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/controller/runtime/history/recorded.h"
#include "tests/unit/controller/runtime/http/fakes.h"

namespace drover::controller {
namespace {

using ::testing::HasSubstr;

// A run that ends now, because the server goes by the real time.
struct Served {
  RecordedRun run;
  TestServer server;
  std::unique_ptr<HttpServer> http;

  Served() {
    run.Pass(120);
    View view;
    for (const ServiceKey& key : {kWeb, kThumbs}) {
      auto service = std::make_shared<ServiceView>();
      service->key = key;
      view.services[key] = service;
    }
    server.loop->Publish(std::move(view));
    HttpServer::Options options = TestServer::Quick();
    options.history = &run.history();
    http = std::make_unique<HttpServer>(options, std::make_unique<FakeLoop>(server.loop), &server.agents);
    EXPECT_TRUE(http->Start().ok());
  }

  cli::Client client() const {
    return cli::Client(
        {.address = absl::StrCat("http://127.0.0.1:", http->port()), .token = "", .ca_cert = ""});
  }

  static std::string Text(absl::Time time) {
    return absl::FormatTime(absl::RFC3339_full, time, absl::UTCTimeZone());
  }
};

TEST(HistoryClientTest, R12_ReplayedAtTheCommandLineByteEqual) {
  Served served;
  const auto& made = served.run.made(kThumbs);
  size_t read = 0;
  const auto extent = cli::ReadHistory(served.client(), "shop", "thumbs", "2000-01-01T00:00:00Z",
                                       {.decision =
                                            [&](const cli::PastDecision& past) {
                                              ASSERT_LT(read, made.size());
                                              EXPECT_EQ(Bytes(past.again), Bytes(*made[read].decision));
                                              EXPECT_TRUE(past.equal);
                                              EXPECT_FALSE(past.gap);
                                              ++read;
                                            },
                                        .mean = [](const v1::HistoryRecord&) { FAIL(); }});
  ASSERT_TRUE(extent.ok()) << extent.status();
  EXPECT_EQ(read, made.size());
  EXPECT_EQ(extent->full_from, *served.run.history().kept().full_from);
}

TEST(HistoryClientTest, WhyAtATime) {
  Served served;
  const absl::Time at = served.run.made(kWeb)[50].input.wall;
  v1::WhyResponse why;
  const std::string path = "/v1/services/shop/web/why";
  ASSERT_TRUE(served.client().Get(path + cli::Query({{"at", Served::Text(at)}}), &why).ok());
  EXPECT_EQ(why.decision().id(), served.run.made(kWeb)[50].id);
  EXPECT_EQ(why.service().max(), 20U);
  EXPECT_THAT(why.decision().text(), HasSubstr("conditions"));
  const absl::Status early = served.client().Get(path + "?at=2000-01-01T00:00:00Z", &why);
  EXPECT_THAT(std::string(early.message()), HasSubstr("is before what is kept; the history begins at 2023-"));
  const absl::Status wrong = served.client().Get(path + "?at=yesterday", &why);
  EXPECT_THAT(std::string(wrong.message()), HasSubstr("must be a time like"));
}

TEST(HistoryClientTest, AnUnknownServiceIsNamed) {
  Served served;
  const auto extent = cli::ReadHistory(served.client(), "shop", "db", "1h", {});
  EXPECT_THAT(std::string(extent.status().message()), HasSubstr("no service \"shop/db\""));
}

}  // namespace
}  // namespace drover::controller
