#include "agent/runtime/sensors/redis_probe.h"

#include <hiredis/hiredis.h>

#include <cerrno>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
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

QueueReading Failed(std::string error) { return {.ready = std::nullopt, .error = std::move(error)}; }

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

std::vector<QueueReading> RedisServer::Read(const std::vector<const v1::QueueSpec*>& queues) {
  if (connection_ == nullptr) {
    if (const std::string error = Connect(); !error.empty()) {
      return std::vector<QueueReading>(queues.size(), Failed(error));
    }
  }
  redisContext* context = connection_->context;
  for (const v1::QueueSpec* queue : queues) {
    for (const std::string& key : queue->keys()) {
      Append(context, {"LLEN", key});
    }
  }
  std::vector<QueueReading> readings;
  std::string broken;
  for (const v1::QueueSpec* queue : queues) {
    QueueReading reading{.ready = 0.0, .error = ""};
    if (queue->keys().empty()) {
      reading.error = absl::StrCat(connection_->name, ": the queue names no key");
    }
    for (const std::string& key : queue->keys()) {
      const Reply reply = broken.empty() ? NextReply(context) : nullptr;
      if (reply == nullptr) {
        broken = broken.empty() ? connection_->Error(timeout_) : broken;
        reading.error = broken;
      } else if (reply->type == REDIS_REPLY_INTEGER) {
        *reading.ready += static_cast<double>(reply->integer);
      } else {
        const std::string words =
            reply->type == REDIS_REPLY_ERROR ? TextOf(*reply) : "an answer that is no number";
        reading.error = absl::StrCat(connection_->name, ": LLEN ", key, ": ", words);
        if (absl::StartsWith(words, "NOAUTH") || absl::StartsWith(words, "NOPERM")) {
          broken = reading.error;  // connect anew, with the password as it is then
        }
      }
    }
    if (!reading.known()) {
      reading.ready.reset();
    }
    readings.push_back(std::move(reading));
  }
  if (!broken.empty()) {
    connection_.reset();
  }
  return readings;
}

}  // namespace drover::agent
