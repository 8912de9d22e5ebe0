#include "controller/runtime/sqlite_store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "controller/runtime/convert.h"
#include "controller/runtime/loop.h"
#include "controller/runtime/secret_contents.h"
#include "tests/unit/controller/runtime/spec_builder.h"

namespace drover::controller {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SqliteStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/drover-store-XXXXXX";
    directory_ = mkdtemp(name);
  }

  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string file() const { return directory_ + "/state.db"; }

  std::string Message(const absl::Status& status) const { return std::string(status.message()); }

  static ReplicaRecord Replica(uint64_t id) {
    ReplicaRecord record;
    record.id = ReplicaId(id);
    record.service = {"shop", "web"};
    record.node = NodeId("00000000000000aa");
    record.state = ReplicaState::kAssigned;
    record.spec_hash = "0123456789abcdef";
    return record;
  }

  std::string directory_;
};

TEST_F(SqliteStoreTest, R1_1_ClusterIdIsMadeOnceAndKept) {
  ClusterId cluster;
  {
    SqliteStore store(directory_);
    cluster = store.Open()->state.cluster;
  }
  EXPECT_EQ(cluster.value().size(), 16U);
  SqliteStore store(directory_);
  EXPECT_EQ(store.Open()->state.cluster, cluster);
}

TEST_F(SqliteStoreTest, R1_2_EpochRisesAtEveryStart) {
  for (uint64_t start = 1; start <= 3; ++start) {
    SqliteStore store(directory_);
    EXPECT_EQ(store.Open()->epoch, Epoch(start));
  }
}

TEST_F(SqliteStoreTest, WhatWasCommittedIsThereAfterTheNextStart) {
  StackRecord stack;
  stack.name = "shop";
  stack.revision = 3;
  stack.spec = *ToCore(Stack("ports { target: 80 published: 8080 }"));
  ServiceRecord service;
  service.key = {"shop", "web"};
  service.desired = 2;
  NodeRecord node;
  node.id = NodeId("00000000000000aa");
  {
    SqliteStore store(directory_);
    ASSERT_TRUE(store.Open().ok());
    ASSERT_TRUE(store.Commit({stack, service, node, Replica(1), Replica(2)}).ok());
    service.desired = 3;
    ASSERT_TRUE(store.Commit({service, DeleteReplica{ReplicaId(1)}}).ok());
  }
  SqliteStore store(directory_);
  const auto opened = store.Open();
  ASSERT_TRUE(opened.ok()) << opened.status();
  ASSERT_EQ(opened->state.stacks.size(), 1U);
  EXPECT_EQ(opened->state.stacks[0], stack);
  EXPECT_EQ(opened->state.services[0], service);
  EXPECT_EQ(opened->state.nodes[0], node);
  ASSERT_EQ(opened->state.replicas.size(), 1U);
  EXPECT_EQ(opened->state.replicas[0], Replica(2));
}

TEST_F(SqliteStoreTest, CommitMayBeRepeated) {
  SqliteStore store(directory_);
  ASSERT_TRUE(store.Open().ok());
  const std::vector<StoreChange> changes = {Replica(1), DeleteNode{NodeId("none")}};
  EXPECT_TRUE(store.Commit(changes).ok());
  EXPECT_TRUE(store.Commit(changes).ok());
}

TEST_F(SqliteStoreTest, SecondControllerOnTheSameDirectoryIsRefused) {
  SqliteStore first(directory_);
  ASSERT_TRUE(first.Open().ok());
  SqliteStore second(directory_);
  const auto opened = second.Open();
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(Message(opened.status()), HasSubstr("another drover-controller uses this state_dir"));
}

TEST_F(SqliteStoreTest, NewerSchemaIsRefusedByNumber) {
  {
    SqliteStore store(directory_);
    ASSERT_TRUE(store.Open().ok());
  }
  {
    SQLite::Database database(file(), SQLite::OPEN_READWRITE);
    database.exec("UPDATE meta SET value = '99' WHERE key = 'schema_version'");
  }
  SqliteStore store(directory_);
  const auto opened = store.Open();
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(opened.status()), HasSubstr("schema 99, this one knows 1"));
}

TEST_F(SqliteStoreTest, FileThatIsNoDatabaseIsDataLossWithTheWayOut) {
  std::ofstream(file()) << std::string(8192, 'x');
  SqliteStore store(directory_);
  const auto opened = store.Open();
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Message(opened.status()), HasSubstr(file()));
  EXPECT_THAT(Message(opened.status()), HasSubstr("put a copy of it back"));
}

TEST_F(SqliteStoreTest, DamagedPagesAreDataLoss) {
  {
    SqliteStore store(directory_);
    ASSERT_TRUE(store.Open().ok());
    std::vector<StoreChange> changes;
    for (uint64_t id = 1; id <= 1000; ++id) {
      changes.emplace_back(Replica(id));
    }
    ASSERT_TRUE(store.Commit(changes).ok());
  }
  {
    std::fstream stream(file(), std::ios::in | std::ios::out | std::ios::binary);
    const auto size = std::filesystem::file_size(file());
    for (uintmax_t at = 4096; at + 4096 <= size; at += 4096) {
      stream.seekp(static_cast<std::streamoff>(at));
      stream << std::string(512, '\xff');
    }
  }
  SqliteStore store(directory_);
  EXPECT_EQ(store.Open().status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(SqliteStoreTest, DirectoryThatCantBeMadeIsNamed) {
  std::ofstream(directory_ + "/file") << "x";
  SqliteStore store(directory_ + "/file/state");
  const auto opened = store.Open();
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Message(opened.status()), HasSubstr("give a state_dir that the controller may write"));
}

TEST_F(SqliteStoreTest, R9_2_SecretsAreEncryptedAtRestAndBackAfterRestart) {
  const std::string secret = "correct horse battery staple";
  StackRecord stack;
  stack.name = "shop";
  stack.spec = *ToCore(Stack("", "files { name: 'secret/db' secret: true content: '" + secret +
                                     "' sha256: '" + Sha256Hex(secret) + "' }"));
  {
    SqliteStore store(directory_);
    ASSERT_TRUE(store.Open().ok());
    ASSERT_TRUE(store.Commit({stack}).ok());
  }
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    std::ifstream stream(entry.path(), std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    EXPECT_THAT(content, Not(HasSubstr(secret))) << entry.path();
  }
  SqliteStore store(directory_);
  SecretContents secrets;
  SecretWatchingStore watching(&store, &secrets);
  const auto opened = watching.Open();
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->state.stacks[0], stack);
  EXPECT_EQ(secrets.Find(Sha256Hex(secret)), secret);
  ASSERT_TRUE(watching.Commit({DeleteStack{"shop"}}).ok());
  EXPECT_EQ(secrets.Find(Sha256Hex(secret)), std::nullopt);
}

TEST_F(SqliteStoreTest, WrongSecretsKeyIsDataLossNamingTheFile) {
  StackRecord stack;
  stack.name = "shop";
  stack.spec = *ToCore(
      Stack("", "files { name: 'secret/a' secret: true content: 'x' sha256: '" + Sha256Hex("x") + "' }"));
  {
    SqliteStore store(directory_);
    ASSERT_TRUE(store.Open().ok());
    ASSERT_TRUE(store.Commit({stack}).ok());
  }
  std::filesystem::remove(directory_ + "/secrets.key");
  SqliteStore store(directory_);
  const auto opened = store.Open();
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Message(opened.status()), HasSubstr("/secrets.key; put the right one back"));
}

TEST_F(SqliteStoreTest, TenThousandReplicasLoadInUnderASecond) {
  {
    SqliteStore store(directory_);
    ASSERT_TRUE(store.Open().ok());
    std::vector<StoreChange> changes;
    for (uint64_t id = 1; id <= 10000; ++id) {
      changes.emplace_back(Replica(id * 0x9e3779b97f4a7c15));
    }
    ASSERT_TRUE(store.Commit(changes).ok());
  }
  SqliteStore store(directory_);
  const Instant start = Now();
  const auto opened = store.Open();
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->state.replicas.size(), 10000U);
  EXPECT_LT(Now() - start, absl::Seconds(1));
  RecordProperty("load_ms", absl::StrCat(absl::ToInt64Milliseconds(Now() - start)));
}

}  // namespace
}  // namespace drover::controller
