#include "controller/core/evidence.h"

#include <algorithm>

namespace drover::controller {
namespace {

constexpr size_t kMostFailures = 3;
constexpr Duration kKeptFor = absl::Hours(24);
constexpr size_t kLongestMessage = 4000;  // bytes; of more the end is kept, where the last lines are

std::string Shortened(const std::string& message) {
  if (message.size() <= kLongestMessage) {
    return message;
  }
  size_t begin = message.size() - kLongestMessage;
  while (begin < message.size() && (static_cast<unsigned char>(message[begin]) & 0xC0U) == 0x80U) {
    ++begin;  // not within a character of UTF-8
  }
  return "…" + message.substr(begin);
}

}  // namespace

void KeepFailure(Model& model, Service& service, const Replica& replica, const std::string& reason) {
  std::vector<FailureRecord>& failures = service.record.failures;
  const ReplicaDetail& detail = replica.detail;
  std::erase_if(failures, [&](const FailureRecord& kept) {
    return kept.replica == replica.record.id || kept.at + kKeptFor < model.wall;
  });
  failures.push_back({.replica = replica.record.id,
                      .name = Model::ContainerName(replica),
                      .node = replica.record.node,
                      .at = model.wall,
                      .reason = !reason.empty()         ? reason
                                : detail.reason.empty() ? "Failed"
                                                        : detail.reason,
                      .message = Shortened(detail.message),
                      .exit_code = detail.exit_code});
  if (failures.size() > kMostFailures) {
    failures.erase(failures.begin());
  }
  if (service.stored) {
    model.TouchRecord(service);
  }
}

bool EndedBadly(const Replica& replica) {
  return replica.detail.oom_killed || replica.detail.exit_code.value_or(0) != 0;
}

std::vector<FailureRecord> RecentFailures(const ServiceRecord& record, absl::Time wall) {
  std::vector<FailureRecord> recent;
  std::copy_if(record.failures.begin(), record.failures.end(), std::back_inserter(recent),
               [wall](const FailureRecord& kept) { return wall <= kept.at + kKeptFor; });
  return recent;
}

}  // namespace drover::controller
