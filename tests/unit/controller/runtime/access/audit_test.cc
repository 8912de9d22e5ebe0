#include "controller/runtime/access/audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/controller/runtime/access/folder.h"

namespace drover::controller {
namespace {

using testing::HasSubstr;

const absl::Time kWall = absl::FromUnixSeconds(1'800'000'000);
constexpr Instant kNow = Instant::FromNanoseconds(1'000'000'000'000);

AuditRecord Entry(const std::string& who, const std::string& outcome, absl::Time at = kWall) {
  AuditRecord record;
  record.at = at;
  record.who = who;
  record.from = "10.0.0.1";
  record.action = "POST /v1/services/shop/web/scale";
  record.subject = "service shop/web";
  record.before = "3 replicas";
  record.after = "5 replicas";
  record.message = "more load";
  record.outcome = outcome;
  return record;
}

class AuditTest : public testing::Test {
 protected:
  void Open(AuditLog::Options options = {}) {
    log_.reset();
    log_ = *AuditLog::Open(folder_.Path("audit.db"), options);
  }

  std::vector<AuditRecord> Read(AuditLog::Query query = {}) const { return *log_->Read(query); }

  Folder folder_;
  std::unique_ptr<AuditLog> log_;
};

TEST_F(AuditTest, R12_WhoFromWhereWhatBeforeAndAfterWhyAndTheOutcomeAreKeptOverARestart) {
  Open();
  log_->Add(Entry("ci (1)", "done"), kNow);
  Open();
  const std::vector<AuditRecord> read = Read();
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].at, kWall);
  EXPECT_EQ(read[0].who, "ci (1)");
  EXPECT_EQ(read[0].from, "10.0.0.1");
  EXPECT_EQ(read[0].action, "POST /v1/services/shop/web/scale");
  EXPECT_EQ(read[0].subject, "service shop/web");
  EXPECT_EQ(read[0].before, "3 replicas");
  EXPECT_EQ(read[0].after, "5 replicas");
  EXPECT_EQ(read[0].message, "more load");
  EXPECT_EQ(read[0].outcome, "done");
}

TEST_F(AuditTest, IsReadByTimeNameAndNumber) {
  Open();
  for (int i = 0; i < 10; ++i) {
    log_->Add(Entry(i % 2 == 0 ? "ann" : "bob", "done", kWall + absl::Minutes(i)), kNow);
  }
  EXPECT_EQ(Read({.from = kWall + absl::Minutes(7), .who = ""}).size(), 3U);
  EXPECT_EQ(Read({.who = "an"}).size(), 5U);
  const std::vector<AuditRecord> newest = Read({.who = "", .limit = 2});
  ASSERT_EQ(newest.size(), 2U);
  EXPECT_LT(newest[0].id, newest[1].id);
  EXPECT_EQ(newest[1].at, kWall + absl::Minutes(9));
  EXPECT_EQ(Read({.since = newest[0].id, .who = ""}).size(), 1U);
}

TEST_F(AuditTest, R13_DeniedAttemptsAreBoundedAndTheRestIsCounted) {
  Open({.denied = AdmissionRate(1, 3)});
  for (int i = 0; i < 100; ++i) {
    log_->Add(Entry("a stranger", "denied: no token"), kNow);
  }
  EXPECT_EQ(Read().size(), 3U);
  log_->Add(Entry("ci", "done"), kNow);
  EXPECT_EQ(Read().size(), 4U) << "changes are always written";
  log_->Add(Entry("a stranger", "denied: no token"), kNow + absl::Minutes(1));
  EXPECT_THAT(Read().back().outcome, HasSubstr("97 denied attempts before it"));
}

TEST_F(AuditTest, IsBoundedAndDeniedAttemptsNeverDisplaceChanges) {
  Open({.keep = absl::Hours(24), .most_changes = 200, .most_denied = 100, .denied = AdmissionRate(1e9, 1e9)});
  log_->Add(Entry("old", "done", kWall - absl::Hours(25)), kNow);
  for (int i = 0; i < 150; ++i) {
    log_->Add(Entry("ann", "done"), kNow);
  }
  for (int i = 0; i < 900; ++i) {
    log_->Add(Entry("a stranger", "denied: no token"), kNow);
  }
  EXPECT_EQ(Read({.who = "ann", .limit = 10000}).size(), 150U);
  EXPECT_TRUE(Read({.who = "old", .limit = 10000}).empty());
  EXPECT_LE(Read({.who = "a stranger", .limit = 10000}).size(), 100U + 500U);
}

TEST_F(AuditTest, TextOfStrangersIsBoundedAndUtf8) {
  Open();
  AuditRecord entry = Entry(absl::StrCat("\xff\xfe", std::string(5000, 'x')), "denied: x");
  log_->Add(entry, kNow);
  EXPECT_LT(Read().front().who.size(), 1100U);
  EXPECT_THAT(Read().front().who, testing::StartsWith("??x"));
}

}  // namespace
}  // namespace drover::controller
