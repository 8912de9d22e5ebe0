#include "agent/runtime/prepare.h"

#include "absl/strings/str_cat.h"
#include "agent/runtime/host_facts.h"
#include "agent/runtime/join.h"
#include "agent/runtime/membership.h"
#include "common/status.h"

namespace drover::agent {

absl::StatusOr<Config> Prepare(const Config& given, const NodeId& node) {
  Config config = given;
  if (config.name.empty()) {
    config.name = HostName();
  }
  if (!config.join.empty()) {
    ASSIGN_OR_RETURN(const JoinTarget target, ParseJoin(config.join));
    RETURN_IF_ERROR(JoinCluster(target, {.state_dir = config.state_dir, .node = node, .name = config.name}));
  }
  RETURN_IF_ERROR(ApplyMembership(config));
  if (config.controllers.empty()) {
    return absl::InvalidArgumentError(
        "no controller is given: with `tls` written, `controllers` must be, too; leave both out to use the "
        "cluster that was joined");
  }
  if (config.advertise_address.empty()) {
    absl::StatusOr<std::string> address = AddressTowards(config.controllers.front());
    if (!address.ok()) {
      return absl::Status(address.status().code(), absl::StrCat("advertise_address cannot be found out (",
                                                                address.status().message(), "); write it"));
    }
    config.advertise_address = *address;
  }
  return config;
}

}  // namespace drover::agent
