// Reads queue lengths from one Redis server: one kept connection, all queues of a round in one pipeline.
// Blocking with deadlines; each server has a thread of its own (prober.h).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/time.h"
#include "drover/v1/cluster.pb.h"

namespace drover::agent {

// One queue as read, or why not.
struct QueueReading {
  std::optional<double> ready;  // jobs that no worker has taken
  std::string error;            // "redis 10.0.0.5:6379: WRONGPASS …"; empty when known

  bool known() const { return error.empty(); }
};

// Queues with an equal key can share a connection: endpoints, database, user, password file.
std::string RedisServerKey(const v1::QueueSpec& queue);

class RedisServer {
 public:
  // `like`: any queue of the server, for its endpoints and credentials. Connects at the first read.
  RedisServer(const v1::QueueSpec& like, Duration timeout);
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  // One round of REDIS_LIST queues, answers in their order. After a failure the next call connects anew,
  // with the password file read again, to the first endpoint that answers.
  std::vector<QueueReading> Read(const std::vector<const v1::QueueSpec*>& queues);

 private:
  struct Connection;

  // The error, or empty with connection_ set.
  std::string Connect();
  std::string ConnectTo(const v1::Endpoint& endpoint);

  v1::QueueSpec like_;
  Duration timeout_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace drover::agent
