#include "agent/runtime/sensors/redis_probe.h"

#include <hiredis/hiredis.h>

#include <cerrno>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "agent/runtime/sensors/files.h"

namespace drover::agent {
namespace {

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};

using Reply = std::unique_ptr<redisReply, FreeReply>;

Reply NextReply(redisContext* context) {
  void* reply = nullptr;
  return redisGetReply(context, &reply) == REDIS_OK ? Reply(static_cast<redisReply*>(reply)) : nullptr;
}

std::string TextOf(const redisReply& reply) { return std::string(reply.str, reply.len); }

void Append(redisContext* context, const std::vector<std::string>& words) {
  std::vector<const char*> data;
  std::vector<size_t> sizes;
  for (const std::string& word : words) {
    data.push_back(word.data());
    sizes.push_back(word.size());
  }
  redisAppendCommandArgv(context, static_cast<int>(words.size()), data.data(), sizes.data());
}

// Where Redis itself does not know the lag, at most so many entries are counted.
constexpr int64_t kMostCounted = 1000;

const char* LengthCommand(v1::QueueSpec::Kind kind) {
  switch (kind) {
    case v1::QueueSpec::REDIS_STREAM:
      return "XLEN";
    case v1::QueueSpec::REDIS_ZSET:
      return "ZCARD";
    default:
      return "LLEN";
  }
}

// The field of a flat map, as XINFO answers; null: not there.
const redisReply* MapField(const redisReply& map, absl::string_view name) {
  for (size_t i = 0; i + 1 < map.elements; i += 2) {
    if (map.element[i]->type == REDIS_REPLY_STRING && TextOf(*map.element[i]) == name) {
      return map.element[i + 1];
    }
  }
  return nullptr;
}

const redisReply* GroupOf(const redisReply& groups, const std::string& name) {
  for (size_t i = 0; i < groups.elements; ++i) {
    const redisReply* found = MapField(*groups.element[i], "name");
    if (found != nullptr && found->type == REDIS_REPLY_STRING && TextOf(*found) == name) {
      return groups.element[i];
    }
  }
  return nullptr;
}

// The smallest stream id above `id` ("MS-SEQ"). Redis takes exclusive ranges only from 6.2 on.
std::string After(const std::string& id) {
  const std::vector<std::string> parts = absl::StrSplit(id, '-');
  uint64_t sequence = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[1], &sequence)) {
    return id;
  }
  return absl::StrCat(parts[0], "-", sequence + 1);
}

bool IsNumber(const redisReply* reply) { return reply != nullptr && reply->type == REDIS_REPLY_INTEGER; }

// An answer that is not what was asked for, in words.
std::string WordsOf(const redisReply& reply) {
  return reply.type == REDIS_REPLY_ERROR ? TextOf(reply) : "an answer of another kind than expected";
}

}  // namespace

struct RedisServer::Connection {
  ~Connection() {
    if (context != nullptr) {
      redisFree(context);
    }
  }

  // What went wrong with the connection, after a read or write failed.
  std::string Error(Duration timeout) const {
    if (context->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return absl::StrCat(name, ": no answer within ", absl::FormatDuration(timeout));
    }
    return absl::StrCat(name, ": ", context->errstr);
  }

  std::string name;  // "redis 10.0.0.5:6379"
  redisContext* context = nullptr;
};

std::string RedisServerKey(const v1::QueueSpec& queue) {
  const std::string endpoints =
      absl::StrJoin(queue.endpoints(), ",", [](std::string* out, const v1::Endpoint& endpoint) {
        absl::StrAppend(out, endpoint.host(), ":", endpoint.port());
      });
  return absl::StrCat("redis ", endpoints, "/", queue.database(), " ", queue.username(), " ",
                      queue.password_file(), queue.tls() ? " tls" : "");
}

RedisServer::RedisServer(const v1::QueueSpec& like, Duration timeout) : like_(like), timeout_(timeout) {}

RedisServer::~RedisServer() = default;

std::string RedisServer::ConnectTo(const v1::Endpoint& endpoint) {
  auto connection = std::make_unique<Connection>();
  const uint32_t port = endpoint.port() == 0 ? 6379 : endpoint.port();
  connection->name = absl::StrCat("redis ", endpoint.host(), ":", port);
  const timeval limit = absl::ToTimeval(timeout_);
  connection->context = redisConnectWithTimeout(endpoint.host().c_str(), static_cast<int>(port), limit);
  redisContext* context = connection->context;
  if (context == nullptr) {
    return absl::StrCat(connection->name, ": out of memory");
  }
  if (context->err != 0) {
    return absl::StrCat(connection->name, ": ", context->errstr);
  }
  redisSetTimeout(context, limit);
  int expected = 0;
  if (!like_.password_file().empty()) {
    const std::optional<std::string> password = ReadFile(like_.password_file());
    if (!password) {
      return absl::StrCat(connection->name, ": password_file ", like_.password_file(), ": cannot be read");
    }
    std::vector<std::string> words = {"AUTH"};
    if (!like_.username().empty()) {
      words.push_back(like_.username());
    }
    words.emplace_back(absl::StripAsciiWhitespace(*password));
    Append(context, words);
    ++expected;
  }
  if (like_.database() != 0) {
    Append(context, {"SELECT", std::to_string(like_.database())});
    ++expected;
  }
  std::string error;
  for (; expected > 0; --expected) {
    const Reply reply = NextReply(context);
    if (reply == nullptr) {
      return connection->Error(timeout_);
    }
    if (reply->type == REDIS_REPLY_ERROR && error.empty()) {
      error = absl::StrCat(connection->name, ": ", TextOf(*reply));
    }
  }
  if (error.empty()) {
    connection_ = std::move(connection);
  }
  return error;
}

std::string RedisServer::Connect() {
  if (like_.tls()) {
    return "redis with TLS (rediss://) is not supported by this version";
  }
  if (like_.endpoints().empty()) {
    return "redis: the queue names no server";
  }
  std::vector<std::string> errors;
  for (const v1::Endpoint& endpoint : like_.endpoints()) {
    std::string error = ConnectTo(endpoint);
    if (error.empty()) {
      return {};
    }
    errors.push_back(std::move(error));
  }
  return absl::StrJoin(errors, "; ");
}

void RedisServer::Break(std::string error, QueueReading& reading) {
  broken_ = std::move(error);
  reading.error = broken_;
}

void RedisServer::TakeLength(const char* command, const std::string& key, QueueReading& reading) {
  const Reply reply = NextReply(connection_->context);
  if (reply == nullptr) {
    return Break(connection_->Error(timeout_), reading);
  }
  if (reply->type == REDIS_REPLY_INTEGER) {
    *reading.ready += static_cast<double>(reply->integer);
    return;
  }
  const std::string words = WordsOf(*reply);
  reading.error = absl::StrCat(connection_->name, ": ", command, " ", key, ": ", words);
  if (absl::StartsWith(words, "NOAUTH") || absl::StartsWith(words, "NOPERM")) {
    broken_ = reading.error;  // connect anew, with the password as it is then
  }
}

void RedisServer::CountBehind(const std::string& last_delivered, const std::string& key,
                              QueueReading& reading) {
  Append(connection_->context,
         {"XRANGE", key, After(last_delivered), "+", "COUNT", std::to_string(kMostCounted)});
  const Reply reply = NextReply(connection_->context);
  if (reply == nullptr) {
    return Break(connection_->Error(timeout_), reading);
  }
  if (reply->type != REDIS_REPLY_ARRAY) {
    reading.error = absl::StrCat(connection_->name, ": XRANGE ", key, ": ", WordsOf(*reply));
    return;
  }
  *reading.ready += static_cast<double>(reply->elements);
}

void RedisServer::TakeGroup(const v1::QueueSpec& queue, const std::string& key, QueueReading& reading) {
  const Reply length = NextReply(connection_->context);
  const Reply groups = length == nullptr ? nullptr : NextReply(connection_->context);
  if (groups == nullptr) {
    return Break(connection_->Error(timeout_), reading);
  }
  const auto fail = [&](const char* command, const redisReply& reply) {
    reading.error = absl::StrCat(connection_->name, ": ", command, " ", key, ": ", WordsOf(reply));
    if (absl::StartsWith(WordsOf(reply), "NOAUTH") || absl::StartsWith(WordsOf(reply), "NOPERM")) {
      broken_ = reading.error;
    }
  };
  if (length->type != REDIS_REPLY_INTEGER) {
    return fail("XLEN", *length);
  }
  reading.held = reading.held.value_or(0);
  if (groups->type == REDIS_REPLY_ERROR && length->integer == 0 &&
      absl::StartsWith(TextOf(*groups), "ERR no such key")) {
    return;  // as a list that does not exist: nothing was ever put there
  }
  if (groups->type != REDIS_REPLY_ARRAY) {
    return fail("XINFO GROUPS", *groups);
  }
  const redisReply* group = GroupOf(*groups, queue.group());
  if (group == nullptr) {  // a group that is not there has taken nothing
    *reading.ready += static_cast<double>(length->integer);
    return;
  }
  const redisReply* pending = MapField(*group, "pending");
  const redisReply* lag = MapField(*group, "lag");
  const redisReply* last = MapField(*group, "last-delivered-id");
  if (!IsNumber(pending) || (!IsNumber(lag) && (last == nullptr || last->type != REDIS_REPLY_STRING))) {
    reading.error = absl::StrCat(connection_->name, ": XINFO GROUPS ", key,
                                 ": neither lag nor last-delivered-id of group ", queue.group(),
                                 "; Redis 5 or later is needed");
    return;
  }
  *reading.held += static_cast<double>(pending->integer);
  if (IsNumber(lag)) {
    *reading.ready += static_cast<double>(lag->integer);
  } else {
    behind_.push_back({.key = key, .last_delivered = TextOf(*last), .reading = &reading});
  }
}

void RedisServer::Take(const v1::QueueSpec& queue, const std::string& key, QueueReading& reading) {
  if (!broken_.empty()) {
    reading.error = broken_;
  } else if (queue.kind() == v1::QueueSpec::REDIS_STREAM && !queue.group().empty()) {
    TakeGroup(queue, key, reading);
  } else {
    TakeLength(LengthCommand(queue.kind()), key, reading);
  }
}

std::vector<QueueReading> RedisServer::Read(const std::vector<const v1::Probe*>& probes) {
  if (connection_ == nullptr) {
    if (const std::string error = Connect(); !error.empty()) {
      return std::vector<QueueReading>(probes.size(), UnknownReading(error));
    }
  }
  broken_.clear();
  behind_.clear();
  for (const v1::Probe* probe : probes) {
    const v1::QueueSpec& queue = probe->queue();
    for (const std::string& key : queue.keys()) {
      Append(connection_->context, {LengthCommand(queue.kind()), key});
      if (queue.kind() == v1::QueueSpec::REDIS_STREAM && !queue.group().empty()) {
        Append(connection_->context, {"XINFO", "GROUPS", key});
      }
    }
  }
  std::vector<QueueReading> readings(probes.size(), KnownReading(0));
  for (size_t i = 0; i < probes.size(); ++i) {
    const v1::QueueSpec& queue = probes[i]->queue();
    if (queue.keys().empty()) {
      readings[i].error = absl::StrCat(connection_->name, ": the queue names no key");
    }
    for (const std::string& key : queue.keys()) {
      Take(queue, key, readings[i]);
    }
  }
  for (const Behind& behind : behind_) {
    if (broken_.empty()) {
      CountBehind(behind.last_delivered, behind.key, *behind.reading);
    } else {
      behind.reading->error = broken_;
    }
  }
  if (!broken_.empty()) {
    connection_.reset();
  }
  for (QueueReading& reading : readings) {
    if (!reading.known()) {
      reading = UnknownReading(reading.error);
    }
  }
  return readings;
}

}  // namespace drover::agent
