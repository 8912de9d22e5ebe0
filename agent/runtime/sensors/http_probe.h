// Reads a number over HTTP: from a JSON document, or as a Prometheus query. One kept connection.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "agent/runtime/sensors/queue_source.h"

namespace drover::agent {

class HttpSource : public QueueSource {
 public:
  // `timeout`: of one read, where the queue states none.
  explicit HttpSource(Duration timeout);
  ~HttpSource() override;

  // One after the other, normally there is one. Credentials are read from their files each time.
  std::vector<QueueReading> Read(const std::vector<const v1::Probe*>& probes) override;

  void Abort() override;

 private:
  class Client;

  QueueReading ReadOne(const v1::QueueSpec& queue);
  // The kept client, or another one when the queue is no longer the one it was made for. Null after Abort.
  std::shared_ptr<Client> ClientOf(const v1::QueueSpec& queue);

  Duration timeout_;
  std::mutex mutex_;
  bool aborted_ = false;
  std::string made_for_;  // serialized QueueSpec
  std::shared_ptr<Client> client_;
};

}  // namespace drover::agent
