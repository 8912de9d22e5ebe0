#include "agent/runtime/probe_target.h"

namespace drover::agent {

std::optional<ProbeTarget> TargetOf(const ReplicaStatus& status, const v1::ServiceContext& service,
                                    const std::string& own_address) {
  ProbeTarget target;
  target.replica = status.id;
  target.container_id = status.container_id;
  // Not the published port: Docker's forwarder accepts there before the worker listens.
  target.address = status.address.empty() ? own_address : status.address;
  const v1::ReadyCheck& check = service.ready();
  if (check.has_http()) {
    target.port = check.http().port();
    target.http_path = check.http().path().empty() ? "/" : check.http().path();
    target.http_host = check.http().host();
  } else if (check.has_tcp()) {
    target.port = check.tcp().port();
  } else if (!service.routed_ports().empty()) {
    target.port = service.routed_ports(0);
    target.in_a_row = 2;
  } else {
    return std::nullopt;
  }
  auto seconds = [](const google::protobuf::Duration& d) {
    return absl::Seconds(d.seconds()) + absl::Nanoseconds(d.nanos());
  };
  if (check.has_interval()) {
    target.interval = seconds(check.interval());
  }
  if (check.has_timeout()) {
    target.timeout = seconds(check.timeout());
  }
  return target;
}

}  // namespace drover::agent
