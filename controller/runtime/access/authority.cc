#include "controller/runtime/access/authority.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/files.h"
#include "common/status.h"
#include "pki/pin.h"

namespace drover::controller {
namespace {

constexpr Duration kAuthorityLife = absl::Hours(24 * 365 * 20);
// Clocks of hosts differ a little.
constexpr Duration kBackdated = absl::Minutes(5);

Duration Backdated(Duration life) { return std::min(kBackdated, life / 10); }

absl::Status MakeDirectory(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return absl::UnavailableError(absl::StrCat(directory, ": can't be made: ", error.message()));
  }
  chmod(directory.c_str(), 0700);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Authority> Authority::Open(const std::string& directory, absl::Time now) {
  RETURN_IF_ERROR(MakeDirectory(directory));
  const std::string file = directory + "/authority.pem";
  absl::StatusOr<std::string> stored = ReadWhole(file);
  pki::Identity identity;
  if (stored.ok()) {
    // Key and certificate stand in one file, so that there are never one without the other.
    identity = {.certificate = *stored, .key = *stored};
    if (const absl::Status pair = pki::CheckPair(identity); !pair.ok()) {
      return absl::DataLossError(absl::StrCat(
          file, ": is damaged (", pair.message(),
          "); put a copy of it back, or move it away for a new authority: all nodes must join again then"));
    }
    identity.certificate = identity.certificate.substr(
        std::min(identity.certificate.find("-----BEGIN CERTIFICATE"), identity.certificate.size()));
  } else if (absl::IsNotFound(stored.status())) {
    ASSIGN_OR_RETURN(identity, pki::MakeAuthority(absl::StrCat("drover cluster ", pki::RandomHex(4)),
                                                  now - kBackdated, kAuthorityLife));
    RETURN_IF_ERROR(WriteDurably(file, absl::StrCat(identity.key, identity.certificate), 0600));
  } else {
    return stored.status();
  }
  RETURN_IF_ERROR(WriteDurably(directory + "/ca.pem", identity.certificate, 0644));
  ASSIGN_OR_RETURN(std::string pin, pki::KeyHash(identity.certificate));
  return Authority(directory, std::move(identity), std::move(pin));
}

absl::StatusOr<std::string> Authority::IssueForNode(const std::string& request, const NodeId& node,
                                                    absl::Time now, Duration life) const {
  ASSIGN_OR_RETURN(const std::string name, pki::NameInRequest(request));
  if (name != node.value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the certificate request names \"", name, "\", not node ", node.value()));
  }
  return pki::Issue(identity_, request,
                    {.common_name = node.value(),
                     .names = {},
                     .uri = absl::StrCat("drover-node:", node.value()),
                     .server = false,
                     .not_before = now - Backdated(life),
                     .not_after = now + life});
}

absl::StatusOr<pki::Identity> Authority::IssueForServer(const std::vector<std::string>& names, absl::Time now,
                                                        Duration life) const {
  std::vector<std::string> all = names;
  all.insert(all.end(), {pki::kServerName, "localhost", "127.0.0.1", "::1"});
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  pki::Identity out;
  out.key = pki::MakeKey();
  ASSIGN_OR_RETURN(const std::string certificate, pki::Issue(identity_, out.key,
                                                             {.common_name = pki::kServerName,
                                                              .names = std::move(all),
                                                              .uri = "",
                                                              .server = true,
                                                              .not_before = now - Backdated(life),
                                                              .not_after = now + life}));
  out.certificate = certificate + identity_.certificate;
  return out;
}

}  // namespace drover::controller
