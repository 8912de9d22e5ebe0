// Reads lists, sorted sets and streams from one Redis server: one kept connection, all queues of a round in
// one pipeline.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/runtime/sensors/queue_source.h"
#include "common/time.h"
#include "drover/v1/cluster.pb.h"

namespace drover::agent {

// Queues with an equal key can share a connection: endpoints, database, user, password file.
std::string RedisServerKey(const v1::QueueSpec& queue);

class RedisServer : public QueueSource {
 public:
  // `like`: any queue of the server, for its endpoints and credentials. Connects at the first read.
  RedisServer(const v1::QueueSpec& like, Duration timeout);
  ~RedisServer() override;
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  // After a failure the next call connects anew, with the password file read again, to the first endpoint
  // that answers.
  std::vector<QueueReading> Read(const std::vector<const v1::Probe*>& probes) override;

 private:
  struct Connection;

  // A stream whose lag the server does not know, to be counted when the round's answers are in.
  struct Behind {
    std::string key;
    std::string last_delivered;
    QueueReading* reading;
  };

  // The error, or empty with connection_ set.
  std::string Connect();
  std::string ConnectTo(const v1::Endpoint& endpoint);
  // Folds one key's answers, already asked for, into `reading`.
  void Take(const v1::QueueSpec& queue, const std::string& key, QueueReading& reading);
  void TakeLength(const char* command, const std::string& key, QueueReading& reading);
  void TakeGroup(const v1::QueueSpec& queue, const std::string& key, QueueReading& reading);
  // Entries behind `last_delivered`, where the server does not count them itself.
  void CountBehind(const std::string& last_delivered, const std::string& key, QueueReading& reading);
  // The connection failed, or the server takes our credentials no more.
  void Break(std::string error, QueueReading& reading);

  v1::QueueSpec like_;
  Duration timeout_;
  std::unique_ptr<Connection> connection_;
  std::vector<Behind> behind_;
  std::string broken_;  // why the rest of this round is unknown; empty: it is not
};

}  // namespace drover::agent
