#include "agent/runtime/membership.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/files.h"
#include "common/status.h"
#include "drover/v1/agent_state.pb.h"
#include "pki/certificates.h"
#include "pki/pin.h"

namespace drover::agent {
namespace {

absl::Status MakeDirectory(const std::string& state_dir) {
  std::error_code error;
  std::filesystem::create_directories(MembershipDirectory(state_dir), error);
  if (error) {
    return absl::PermissionDeniedError(
        absl::StrCat(MembershipDirectory(state_dir), ": can't be made: ", error.message()));
  }
  chmod(MembershipDirectory(state_dir).c_str(), 0700);
  return absl::OkStatus();
}

}  // namespace

std::string MembershipDirectory(const std::string& state_dir) { return state_dir + "/tls"; }

absl::StatusOr<std::optional<Membership>> LoadMembership(const std::string& state_dir) {
  const std::string directory = MembershipDirectory(state_dir);
  const std::string identity_file = directory + "/identity.pem";
  const absl::StatusOr<std::string> identity = ReadWhole(identity_file);
  if (absl::IsNotFound(identity.status())) {
    return std::optional<Membership>();
  }
  RETURN_IF_ERROR(identity.status());
  const absl::StatusOr<std::string> stored = ReadWhole(directory + "/membership.pb");
  v1::StoredMembership message;
  if (!stored.ok() || !message.ParseFromString(*stored) ||
      !pki::CheckPair({.certificate = *identity, .key = *identity}).ok()) {
    return absl::DataLossError(
        absl::StrCat(directory, ": is damaged; move it away and join again (--join TOKEN@HOST)"));
  }
  Membership out;
  out.controllers.assign(message.controllers().begin(), message.controllers().end());
  out.token_id = message.token_id();
  out.cluster_id = message.cluster_id();
  out.files = {.cert = identity_file,
               .key = identity_file,
               .ca = directory + "/ca.pem",
               .server_name = pki::kServerName};
  return std::optional(std::move(out));
}

absl::Status StoreMembership(const std::string& state_dir, const Membership& membership,
                             const std::string& identity, const std::string& ca) {
  RETURN_IF_ERROR(MakeDirectory(state_dir));
  const std::string directory = MembershipDirectory(state_dir);
  v1::StoredMembership message;
  message.mutable_controllers()->Assign(membership.controllers.begin(), membership.controllers.end());
  message.set_token_id(membership.token_id);
  message.set_cluster_id(membership.cluster_id);
  RETURN_IF_ERROR(WriteDurably(directory + "/ca.pem", ca, 0644));
  RETURN_IF_ERROR(WriteDurably(directory + "/membership.pb", message.SerializeAsString(), 0600));
  return WriteDurably(directory + "/identity.pem", identity, 0600);
}

absl::Status ApplyMembership(Config& config) {
  if (config.tls || config.tls_off) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(std::optional<Membership> membership, LoadMembership(config.state_dir));
  if (!membership) {
    return absl::OkStatus();
  }
  config.tls = membership->files;
  if (config.controllers.empty()) {
    config.controllers = membership->controllers;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> PendingKey(const std::string& state_dir) {
  RETURN_IF_ERROR(MakeDirectory(state_dir));
  const std::string file = MembershipDirectory(state_dir) + "/pending.key";
  absl::StatusOr<std::string> key = ReadWhole(file);
  if (key.ok() && pki::KeyHash(*key).ok()) {
    return key;
  }
  const std::string fresh = pki::MakeKey();
  RETURN_IF_ERROR(WriteDurably(file, fresh, 0600));
  return fresh;
}

void ForgetPendingKey(const std::string& state_dir) {
  unlink((MembershipDirectory(state_dir) + "/pending.key").c_str());
}

}  // namespace drover::agent
